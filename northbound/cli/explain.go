package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (a *app) explainCmd() *cobra.Command {
	var host string
	var limit int32
	cmd := &cobra.Command{
		Use:   "explain COOKIE | FLOW",
		Short: "Tell why a flow exists",
		Long: `Tell why a flow exists: the rule that made it, the resource it was made for, and what the rule read.

The flow is named by its cookie, as ovs-ofctl dump-flows shows it, or by any part of its text.`,
		Example: "  weft explain 0x5702c3a19f00d4e1\n  weft explain table=l2,dl_dst=fa:16:3e:6c:01:0b --host h1",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &weftv1.ExplainRequest{Host: host, Limit: limit}
			what := strings.Join(args, " ")
			if err := nameFlow(req, what); err != nil {
				return err
			}
			return a.explain(cmd.Context(), req, what)
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "only flows of this `host`")
	cmd.Flags().Int32Var(&limit, "limit", 0, "explain at most this `many` flows (default 100)")
	return cmd
}

// nameFlow reads a cookie, also as "cookie=0x…", or else takes the words as a flow's text.
func nameFlow(req *weftv1.ExplainRequest, what string) error {
	word := strings.TrimSuffix(strings.TrimPrefix(what, "cookie="), ",")
	hex, ok := strings.CutPrefix(word, "0x")
	if !ok {
		req.Flow = what
		return nil
	}
	cookie, err := strconv.ParseUint(hex, 16, 64)
	if err != nil || cookie == 0 {
		return usagef("%q is no cookie: 0x and up to 16 hexadecimal digits, not all zero", word)
	}
	req.Cookie = cookie
	return nil
}

func (a *app) explain(ctx context.Context, req *weftv1.ExplainRequest, what string) error {
	return a.withClient(ctx, func(c *client.Client) error {
		flows, err := c.Explain(ctx, req)
		if err != nil {
			return err
		}
		if len(flows) == 0 {
			fmt.Fprintf(a.err, "weft: no host should have a flow %s\n", what)
			return errSaid
		}
		for i, f := range flows {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			a.printExplanation(f)
		}
		return nil
	})
}

func (a *app) printExplanation(f *weftv1.FlowExplanation) {
	table := f.GetTableName()
	if table == "" {
		table = strconv.Itoa(int(f.GetTable()))
	}
	match := f.GetMatch()
	if match == "" {
		match = "everything"
	}
	fmt.Fprintf(a.out, "table %s, host %s, priority %d: %s → %s\n", table, f.GetHost(), f.GetPriority(), match, f.GetActions())
	reads := ""
	if len(f.GetReads()) > 0 {
		reads = ", which read " + strings.Join(f.GetReads(), ", ")
	}
	fmt.Fprintf(a.out, "from %s(%s)%s; since revision %d\n", f.GetRule(), f.GetSubject(), reads, f.GetSinceRevision())
}
