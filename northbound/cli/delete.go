package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// deleteOptions are the flags of delete.
type deleteOptions struct {
	waiting
	scope   scope
	files   []string
	cascade bool
}

func (a *app) deleteCmd() *cobra.Command {
	var opt deleteOptions
	cmd := &cobra.Command{
		Use:   "delete -f FILE… | KIND NAME… | KIND/PROJECT/NAME… | KIND (-l LABEL | --field FIELD | -p PROJECT)",
		Short: "Delete resources, all of them or none",
		Long: `Delete resources in one transaction: all of them, or none.

What others refer to is not deleted, and they are named; --cascade deletes them as well, and what refers to them.`,
		Example: "  weft delete port/red/vm1\n  weft delete -f two-tenants.yaml\n  weft delete project red --cascade",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.delete(cmd.Context(), args, opt) },
	}
	cmd.ValidArgsFunction = a.complete(&opt.scope)
	opt.scope.flags(cmd)
	cmd.Flags().StringArrayVarP(&opt.files, "file", "f", nil, "delete the resources named in this `file`, or folder, or - for standard input")
	cmd.Flags().BoolVar(&opt.cascade, "cascade", false, "delete what refers to them as well")
	opt.flags(cmd)
	return cmd
}

func (a *app) delete(ctx context.Context, args []string, opt deleteOptions) error {
	var refs []*weftv1.ResourceRef
	var sel selection
	switch {
	case len(opt.files) > 0 && len(args) > 0:
		return usagef("either -f or names, not both")
	case len(opt.files) > 0:
		docs, err := a.documents(opt.files, opt.scope.project)
		if err != nil {
			return err
		}
		for _, d := range docs {
			refs = append(refs, manifest.Ref(d.Resource))
		}
	default:
		var err error
		if sel, err = opt.scope.selection(args); err != nil {
			return err
		}
		if sel.refs == nil && !opt.scope.narrowed() && opt.scope.project == "" {
			return usagef("say which: names, -l, --field or -p; all of all projects with -A")
		}
		if sel.refs != nil && opt.scope.narrowed() {
			return usagef("-l, --field and -A select among many; they do not go with names")
		}
		refs = sel.refs
	}
	return a.withClient(ctx, func(c *client.Client) error {
		if sel.kinds != nil {
			found, err := fetch(ctx, c, sel, &opt.scope)
			if err != nil {
				return err
			}
			for _, r := range found {
				refs = append(refs, manifest.Ref(r))
			}
		}
		if len(refs) == 0 {
			fmt.Fprintln(a.err, "nothing found, nothing deleted")
			return nil
		}
		return a.deleteRefs(ctx, c, refs, opt)
	})
}

func (a *app) deleteRefs(ctx context.Context, c *client.Client, refs []*weftv1.ResourceRef, opt deleteOptions) error {
	start := a.now()
	resp, err := c.Delete(ctx, refs, client.DeleteOptions{Cascade: opt.cascade})
	if err != nil {
		var refused *client.Error
		if !errors.As(err, &refused) || refused.Unreachable() {
			return err
		}
		a.refused(refused)
		hint := ""
		inUse := func(v client.Violation) bool { return v.Type == "IN_USE" }
		if slices.ContainsFunc(refused.Violations, inUse) {
			hint = "; --cascade deletes what refers to it as well"
		}
		fmt.Fprintf(a.err, "nothing was deleted%s\n", hint)
		return errSaid
	}
	for _, ref := range resp.GetDeleted() {
		fmt.Fprintf(a.out, "%s  deleted\n", refKey(ref))
	}
	return a.realised(ctx, c, resp.GetRevision(), start, opt.waiting)
}
