package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// waiting is the flags of commands that can wait for the switches.
type waiting struct {
	wait          bool
	offlineCounts bool
	timeout       time.Duration
}

func (w *waiting) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until the switches have confirmed it; exit status 1 if they have not")
	w.limits(cmd)
}

func (w *waiting) limits(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.offlineCounts, "offline-counts", false, "wait for hosts that are offline, too")
	cmd.Flags().DurationVar(&w.timeout, "timeout", 30*time.Second, "wait at most this long")
}

// applyOptions are the flags of apply.
type applyOptions struct {
	waiting
	files    []string
	project  string
	revision bool
}

func (a *app) applyCmd() *cobra.Command {
	var opt applyOptions
	cmd := &cobra.Command{
		Use:   "apply -f FILE…",
		Short: "Create or update resources from files, all of them or none",
		Long: `Create or update the resources of YAML or JSON files in one transaction: all of them, or none.

A file holds any number of resources, as documents separated by "---" or as a list. What the server says of a resource
(status, uid, revision, times) may be in the file and is not applied, so "weft get -o yaml" makes files for it.`,
		Example: "  weft apply -f two-tenants.yaml --wait\n  weft get ports -p red -o yaml | sed s/web/db/ | weft apply -f -",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), opt) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&opt.files, "file", "f", nil, "a `file`, a folder of files, or - for standard input; may be given again")
	f.StringVarP(&opt.project, "project", "p", env("WEFT_PROJECT", ""), "the `project` of resources that name none")
	f.BoolVar(&opt.revision, "check-revision", false, "apply only if each resource still has the revision that the file states (none: if it does not exist)")
	opt.flags(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, opt applyOptions) error {
	if len(opt.files) == 0 {
		return usagef("apply needs -f FILE")
	}
	docs, err := a.documents(opt.files, opt.project)
	if errs := manifestErrors(err); errs != nil {
		a.mistakes(errs, nil)
		fmt.Fprintf(a.err, "nothing was applied (%s)\n", count(len(errs), "error"))
		return errSaid
	} else if err != nil {
		return err
	}
	if len(docs) == 0 {
		return usagef("%s: no resources", strings.Join(opt.files, ", "))
	}
	return a.withClient(ctx, func(c *client.Client) error {
		start := a.now()
		resources, preconditions := request(docs, opt.revision)
		resp, err := c.Apply(ctx, resources, preconditions...)
		if err != nil {
			return a.notApplied(err, docs)
		}
		a.printResults(resp.GetResults())
		return a.realised(ctx, c, resp.GetRevision(), start, opt.waiting)
	})
}

// request is what is sent of documents: not what the server itself sets.
func request(docs []*manifest.Document, checkRevision bool) ([]*weftv1.Resource, []*weftv1.Precondition) {
	var resources []*weftv1.Resource
	var preconditions []*weftv1.Precondition
	for _, d := range docs {
		r := d.Resource
		if checkRevision {
			preconditions = append(preconditions, &weftv1.Precondition{Ref: manifest.Ref(r), Revision: r.GetRevision()})
		}
		r.Uid, r.Revision, r.Created, r.Updated, r.Status = "", 0, nil, nil, nil
		resources = append(resources, r)
	}
	return resources, preconditions
}

// notApplied tells why, with the lines at fault.
func (a *app) notApplied(err error, docs []*manifest.Document) error {
	violations := client.Violations(err)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Unreachable() {
		return err
	}
	if len(violations) == 0 {
		fmt.Fprintf(a.err, "weft: %s\n", refused.Message)
	}
	placed, rest := place(docs, violations)
	a.mistakes(placed, rest)
	if more := refused.Total - len(violations); more > 0 {
		fmt.Fprintf(a.err, "… and %d more\n", more)
	}
	fmt.Fprintf(a.err, "nothing was applied (%s in %s)\n", count(max(refused.Total, 1), "error"), count(len(docs), "resource"))
	return errSaid
}

func (a *app) printResults(results []*weftv1.ApplyResult) {
	width := 0
	for _, r := range results {
		width = max(width, len(manifest.KeyOf(r.GetResource())))
	}
	for _, r := range results {
		outcome := strings.ToLower(strings.TrimPrefix(r.GetOutcome().String(), "OUTCOME_"))
		line := fmt.Sprintf("%-*s  %-9s %s", width, manifest.KeyOf(r.GetResource()), outcome, summary(r.GetResource()))
		fmt.Fprintln(a.out, strings.TrimRight(line, " "))
	}
}

// realised ends the output of a change: its revision and, if wanted, how far the hosts are.
func (a *app) realised(ctx context.Context, c *client.Client, revision int64, start time.Time, opt waiting) error {
	if !opt.wait {
		fmt.Fprintf(a.out, "revision %d\n", revision)
		return nil
	}
	resp, err := c.Wait(ctx, client.WaitOptions{Revision: revision, OfflineCounts: opt.offlineCounts, Timeout: opt.timeout})
	if err != nil {
		fmt.Fprintf(a.out, "revision %d\n", revision)
		return err
	}
	return a.printProgress(resp, a.now().Sub(start))
}

// printProgress is "revision 17, realised on 2 of 3 hosts in 4 ms; h3 is offline".
func (a *app) printProgress(resp *weftv1.WaitResponse, took time.Duration) error {
	done := 0
	var rest []string
	for _, h := range resp.GetHosts() {
		if h.GetState() == weftv1.HostProgress_STATE_REALISED {
			done++
			continue
		}
		rest = append(rest, "; "+behind(h))
	}
	const most = 10 // more would hide the first ones
	if len(rest) > most {
		rest = append(rest[:most], fmt.Sprintf("; and %d more", len(rest)-most))
	}
	in := "in"
	if !resp.GetRealised() {
		in = "after"
	}
	fmt.Fprintf(a.out, "revision %d, realised on %d of %s %s %s%s\n", resp.GetRevision(), done,
		count(len(resp.GetHosts()), "host"), in, span(took), strings.Join(rest, ""))
	if !resp.GetRealised() {
		return errSaid
	}
	return nil
}

// behind says why a host has not realised a revision: "h3 is offline, at revision 15".
func behind(h *weftv1.HostProgress) string {
	word := "is " + strings.ToLower(strings.TrimPrefix(h.GetState().String(), "STATE_"))
	if h.GetState() == weftv1.HostProgress_STATE_FAILED {
		word = "failed"
	}
	if h.GetMessage() != "" {
		word += " (" + h.GetMessage() + ")"
	}
	return fmt.Sprintf("%s %s, at revision %d", h.GetHost(), word, h.GetRealisedRevision())
}
