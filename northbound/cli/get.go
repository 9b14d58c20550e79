package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (a *app) getCmd() *cobra.Command {
	var s scope
	var output string
	cmd := &cobra.Command{
		Use:   "get KIND[,KIND…] | all | KIND NAME… | KIND/PROJECT/NAME…",
		Short: "Show resources",
		Example: "  weft get networks -p red\n  weft get port red/vm1 -o yaml\n  weft get all -o name\n" +
			"  weft get ports --field spec.network=web --field status.phase=PENDING",
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), args, &s, output) },
	}
	cmd.ValidArgsFunction = a.complete(&s)
	s.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`form`: table, wide, yaml, json or name")
	return cmd
}

func (a *app) get(ctx context.Context, args []string, s *scope, output string) error {
	show, err := a.printer(output)
	if err != nil {
		return err
	}
	sel, err := s.selection(args)
	if err != nil {
		return err
	}
	if sel.refs != nil && s.narrowed() {
		return usagef("-l, --field and -A select among many; they do not go with names")
	}
	return a.withClient(ctx, func(c *client.Client) error {
		found, err := fetch(ctx, c, sel, s)
		if err != nil {
			return err
		}
		if len(found) == 0 && (output == "table" || output == "wide") {
			fmt.Fprintln(a.err, "nothing found")
			return nil
		}
		return show(found, len(sel.refs) == 1)
	})
}

// fetch gets what is selected.
func fetch(ctx context.Context, c *client.Client, sel selection, s *scope) ([]*weftv1.Resource, error) {
	if sel.refs == nil {
		var found []*weftv1.Resource
		// Global kinds are in no project, so they are asked for without it.
		var projects, globals []manifest.Kind
		for _, k := range sel.kinds {
			if k.Global {
				globals = append(globals, k)
			} else {
				projects = append(projects, k)
			}
		}
		for _, kinds := range [][]manifest.Kind{globals, projects} {
			if len(kinds) == 0 {
				continue
			}
			some, _, err := c.ListAll(ctx, s.filter(kinds))
			if err != nil {
				return nil, err
			}
			found = append(found, some...)
		}
		return found, nil
	}
	var found []*weftv1.Resource
	for _, ref := range sel.refs {
		r, err := c.Get(ctx, ref)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// printer returns the function that prints resources in a form; single says that just one was asked for.
func (a *app) printer(output string) (func(found []*weftv1.Resource, single bool) error, error) {
	switch output {
	case "table", "wide":
		return func(found []*weftv1.Resource, _ bool) error { return a.tables(found, output == "wide") }, nil
	case "yaml":
		return func(found []*weftv1.Resource, _ bool) error { return manifest.WriteYAML(a.out, found...) }, nil
	case "json":
		return func(found []*weftv1.Resource, single bool) error {
			if single {
				return manifest.WriteJSON(a.out, found[0])
			}
			return manifest.WriteJSONList(a.out, found...)
		}, nil
	case "name":
		return func(found []*weftv1.Resource, _ bool) error {
			for _, r := range found {
				fmt.Fprintln(a.out, manifest.KeyOf(r))
			}
			return nil
		}, nil
	}
	return nil, usagef("-o must be table, wide, yaml, json or name, not %q", output)
}

// tables prints a table for each kind found. With several kinds, each has its name above it.
func (a *app) tables(found []*weftv1.Resource, wide bool) error {
	byKind := map[string][]*weftv1.Resource{}
	for _, r := range found {
		byKind[manifest.KindName(r)] = append(byKind[manifest.KindName(r)], r)
	}
	first := true
	for _, k := range manifest.Kinds() {
		rows := byKind[k.Name]
		if len(rows) == 0 {
			continue
		}
		if len(byKind) > 1 {
			if !first {
				fmt.Fprintln(a.out)
			}
			fmt.Fprintf(a.out, "%s:\n", k.Plural())
		}
		first = false
		if err := writeTable(a.out, a.columns(k, wide), rows); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) hostsCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "hosts",
		Short: "Show the hosts, and how far each is",
		Long: `Show the hosts, and how far each is.

OPENFLOW and OVSDB tell the state of the two connections, REALISED the newest revision that the host has confirmed, and LAG
how many revisions it is behind.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.get(cmd.Context(), []string{"hosts"}, &scope{}, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "table", "`form`: table, wide, yaml, json or name")
	return cmd
}
