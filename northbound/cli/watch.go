package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// watchOptions are the flags of watch.
type watchOptions struct {
	scope    scope
	from     int64
	existing bool
	status   bool
	output   string
}

func (a *app) watchCmd() *cobra.Command {
	var opt watchOptions
	cmd := &cobra.Command{
		Use:   "watch [KIND[,KIND…]]",
		Short: "Show changes as they happen",
		Long: `Show changes as they happen, until interrupted: the revision, what happened, the resource.

A lost connection is made again, and no change is missed; if the server has forgotten what happened meanwhile, the
difference is shown.`,
		Example: "  weft watch ports -p red --status\n  weft watch all --existing -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.watch(cmd.Context(), args, opt) },
	}
	cmd.ValidArgsFunction = a.complete(&opt.scope)
	opt.scope.flags(cmd)
	f := cmd.Flags()
	f.Int64Var(&opt.from, "from-revision", 0, "begin at this `revision`, not now")
	f.BoolVar(&opt.existing, "existing", false, "begin with what exists")
	f.BoolVar(&opt.status, "status", false, "show changes of status as well")
	f.StringVarP(&opt.output, "output", "o", "table", "`form`: table, or json (an object a line)")
	cmd.MarkFlagsMutuallyExclusive("from-revision", "existing")
	return cmd
}

func (a *app) watch(ctx context.Context, args []string, opt watchOptions) error {
	if opt.output != "table" && opt.output != "json" {
		return usagef("-o must be table or json, not %q", opt.output)
	}
	filter := opt.scope.filter(nil)
	if len(args) == 1 && args[0] != "all" {
		sel, err := opt.scope.selection(args)
		switch {
		case err != nil:
			return err
		case sel.refs != nil:
			return usagef("watch takes kinds, not names; use -l or --field")
		}
		filter = opt.scope.filter(sel.kinds)
	}
	from := opt.from
	if opt.existing {
		from = client.FromExisting
	}
	return a.withClient(ctx, func(c *client.Client) error {
		for change, err := range c.Watch(ctx, client.WatchOptions{Filter: filter, From: from, IncludeStatus: opt.status,
			OnRetry: func(err error) { fmt.Fprintf(a.err, "weft: %v; trying again\n", retryReason(err)) }}) {
			if err != nil {
				return err
			}
			for _, e := range change.Events {
				if err := a.printEvent(change, e, opt.output); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// retryReason names a stream that the server ended in good order.
func retryReason(err error) string {
	if err.Error() == "EOF" {
		return "weftd ended the watch"
	}
	return err.Error()
}

func (a *app) printEvent(change client.Change, e *weftv1.Event, output string) error {
	word := happened(change, e)
	if output == "json" {
		line, err := json.Marshal(struct {
			Revision int64           `json:"revision"`
			Event    string          `json:"event"`
			Resource json.RawMessage `json:"resource"`
		}{change.Revision, word, manifest.JSONLine(e.GetResource())})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", line)
		return err
	}
	detail := summary(e.GetResource())
	if e.GetType() == weftv1.Event_TYPE_STATUS {
		detail = state(e.GetResource())
	}
	line := fmt.Sprintf("%-6d  %-8s  %s  %s", change.Revision, word, manifest.KeyOf(e.GetResource()), detail)
	_, err := fmt.Fprintln(a.out, strings.TrimRight(line, " "))
	return err
}

// happened is the event in a word.
func happened(change client.Change, e *weftv1.Event) string {
	r := e.GetResource()
	switch e.GetType() {
	case weftv1.Event_TYPE_DELETE:
		return "deleted"
	case weftv1.Event_TYPE_STATUS:
		return "status"
	}
	switch {
	case change.Listed:
		return "exists"
	case r.GetCreated() != nil && r.GetCreated().AsTime().Equal(r.GetUpdated().AsTime()):
		return "created"
	}
	return "updated"
}
