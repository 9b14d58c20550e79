package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const flowRule = "FlowRule"

func (a *app) flowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "Write flows by hand, and see what switches have",
		Long: `Write flows by hand, and see what switches have, in the syntax of ovs-ofctl.

Tables and registers may be said by the names of the pipeline (table=l2,net=5), ports by the names of their interfaces or as
project/port. What is added is a resource (FlowRule): it stays, also when the switch or the controller restarts.`,
		Example: "  weft flow add h1 'table=l2,priority=300,tcp,tp_dst=23 actions=drop'\n  weft flow dump h1 --table l2\n  weft flow del h1 table=l2,tcp",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.flowAddCmd("add HOST FLOW…", "Add flows", func(s *weftv1.FlowRuleSpec, text string) { s.Flow = text }),
		a.flowAddCmd("add-group HOST GROUP…", "Add groups: group_id=1,type=all,bucket=output:1,bucket=output:2", func(s *weftv1.FlowRuleSpec, text string) { s.Group = text }),
		a.flowAddCmd("add-meter HOST METER…", "Add meters: meter=1,kbps,band=type=drop,rate=1000", func(s *weftv1.FlowRuleSpec, text string) { s.Meter = text }),
		a.flowDelCmd(), a.flowDumpCmd())
	return cmd
}

func (a *app) flowAddCmd(use, short string, set func(*weftv1.FlowRuleSpec, string)) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.MinimumNArgs(2),
		Long: short + `.

Each becomes a FlowRule that is named after its host and a hash of what tells it apart from others (table, priority and match, or its
number), so that adding it once more with other actions replaces it; or as --name says.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if name != "" && len(args) > 2 {
				return usagef("--name goes with one of them")
			}
			var rules []*weftv1.Resource
			for _, text := range args[1:] {
				spec := &weftv1.FlowRuleSpec{Host: args[0]}
				set(spec, text)
				rules = append(rules, &weftv1.Resource{
					Kind: flowRule, Name: cmp.Or(name, flowRuleName(args[0], text)), Spec: &weftv1.Resource_FlowRuleSpec{FlowRuleSpec: spec},
				})
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error { return a.addFlows(cmd.Context(), c, rules) })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` of the FlowRule")
	return cmd
}

func (a *app) addFlows(ctx context.Context, c *client.Client, rules []*weftv1.Resource) error {
	resp, err := c.Apply(ctx, rules)
	if err != nil {
		return err
	}
	for _, r := range resp.GetResults() {
		fmt.Fprintf(a.out, "%s  %s\n", manifest.KeyOf(r.GetResource()), strings.ToLower(strings.TrimPrefix(r.GetOutcome().String(), "OUTCOME_")))
	}
	return nil
}

// flowRuleName names a flow after what tells it apart: its words up to the actions, in any order.
func flowRuleName(host, text string) string {
	key, _, _ := strings.Cut(text, "actions=")
	if i := strings.Index(key, "bucket="); i >= 0 {
		key = key[:i]
	}
	if i := strings.Index(key, "band"); i >= 0 {
		key = key[:i]
	}
	words := flowWords(key)
	slices.Sort(words)
	sum := sha256.Sum256([]byte(strings.Join(words, ",")))
	return fmt.Sprintf("%.48s-%x", host, sum[:4])
}

// flowWords are the words of a flow.
func flowWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' })
}

func (a *app) flowDelCmd() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "del HOST FLOW | HOST --all", Short: "Take away flows, groups and meters that were added by hand", Args: cobra.RangeArgs(1, 2),
		Long: `Take away flows, groups and meters that were added by hand: those of the host that have every word of FLOW, or all.

Flows that the controller makes itself stay: they follow from other resources.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 2) {
				return usagef("say which flow, or --all")
			}
			var words []string
			if !all {
				words = flowWords(args[1])
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error { return a.deleteFlows(cmd.Context(), c, args[0], words) })
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that were added by hand")
	return cmd
}

func (a *app) deleteFlows(ctx context.Context, c *client.Client, host string, words []string) error {
	var refs []*weftv1.ResourceRef
	for r, err := range c.List(ctx, &weftv1.Filter{Kinds: []string{flowRule}, Fields: []string{"spec.host=" + host}}) {
		if err != nil {
			return err
		}
		have := flowWords(flowText(r))
		if !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(have, w) }) {
			refs = append(refs, manifest.Ref(r))
		}
	}
	if len(refs) == 0 {
		fmt.Fprintf(a.err, "weft: nothing like that was added by hand on %s\n", host)
		return errSaid
	}
	resp, err := c.Delete(ctx, refs, client.DeleteOptions{})
	if err != nil {
		return err
	}
	for _, ref := range resp.GetDeleted() {
		fmt.Fprintf(a.out, "%s  deleted\n", manifest.Key(ref.GetKind(), ref.GetProject(), ref.GetName()))
	}
	return nil
}

func (a *app) flowDumpCmd() *cobra.Command {
	var req weftv1.DumpFlowsRequest
	cmd := &cobra.Command{
		Use: "dump HOST", Short: "Show the flows, groups and meters that a switch has now, and why", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Host = args[0]
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				for item, err := range c.DumpFlows(cmd.Context(), &req) {
					if err != nil {
						return err
					}
					fmt.Fprintln(a.out, dumpLine(item))
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&req.Table, "table", "", "only flows of this `table`, by name or number")
	return cmd
}

// dumpLine is a flow as ovs-ofctl would show it, with names, and with the reason for it.
func dumpLine(item *weftv1.DumpFlowsResponse) string {
	f := item.GetFlow()
	switch {
	case item.GetGroup() != "":
		return item.GetGroup()
	case f == nil:
		return item.GetMeter()
	}
	match := f.GetMatch()
	if match != "" {
		match = "," + match
	}
	return fmt.Sprintf("table=%s, n_packets=%d, n_bytes=%d, priority=%d%s actions=%s  # %s", cmp.Or(f.GetTableName(), strconv.Itoa(int(f.GetTable()))),
		f.GetPackets(), f.GetBytes(), f.GetPriority(), match, f.GetActions(), cmp.Or(f.GetReason(), "not ours"))
}

// flowText is what a FlowRule says.
func flowText(r *weftv1.Resource) string {
	s := r.GetFlowRuleSpec()
	return cmp.Or(s.GetFlow(), s.GetGroup(), s.GetMeter())
}

func flowRuleColumns() []resourceColumn {
	return []resourceColumn{
		{"HOST", left, func(r *weftv1.Resource) string { return r.GetFlowRuleSpec().GetHost() }},
		{"PACKETS", right, func(r *weftv1.Resource) string {
			if r.GetFlowRuleSpec().GetFlow() == "" {
				return ""
			}
			return strconv.FormatUint(r.GetStatus().GetFlowRule().GetPackets(), 10)
		}},
		{"RULE", left, flowText},
	}
}
