package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
)

// waitOptions are the flags of wait.
type waitOptions struct {
	waiting
	revision int64
	hosts    []string
	project  string
}

func (a *app) waitCmd() *cobra.Command {
	var opt waitOptions
	cmd := &cobra.Command{
		Use:   "wait [KIND/PROJECT/NAME…]",
		Short: "Wait until the switches have confirmed a revision",
		Long: `Wait until the switches have confirmed a revision, by default the current one: all hosts, or those of --host, or those that
carry one of the resources.

Hosts that are offline do not count, unless --offline-counts is given. Exit status 0: realised; 1: not, when the timeout
ended.`,
		Example: "  weft wait --revision 17 --timeout 5s\n  weft wait port/red/vm1",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.waitFor(cmd.Context(), args, opt) },
	}
	opt.limits(cmd)
	f := cmd.Flags()
	f.Int64Var(&opt.revision, "revision", 0, "the `revision`; 0: the current one")
	f.StringArrayVar(&opt.hosts, "host", nil, "only this `host`; may be given again")
	f.StringVarP(&opt.project, "project", "p", env("WEFT_PROJECT", ""), "the `project` of names without one")
	return cmd
}

func (a *app) waitFor(ctx context.Context, args []string, opt waitOptions) error {
	s := scope{project: opt.project}
	refs, err := s.keys(args)
	if err != nil {
		return err
	}
	return a.withClient(ctx, func(c *client.Client) error {
		start := a.now()
		resp, err := c.Wait(ctx, client.WaitOptions{Revision: opt.revision, Hosts: opt.hosts, Resources: refs,
			OfflineCounts: opt.offlineCounts, Timeout: opt.timeout})
		if err != nil {
			return err
		}
		return a.printProgress(resp, a.now().Sub(start))
	})
}
