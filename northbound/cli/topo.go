package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (a *app) topoCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "topo", Short: "Show hosts and switches, what joins them and what is plugged in", Args: cobra.NoArgs,
		Example: "  weft topo\n  weft topo -o dot | dot -Tsvg > topology.svg",
		RunE: func(cmd *cobra.Command, _ []string) error {
			show := map[string]func(io.Writer, *weftv1.GetTopologyResponse){"text": topoText, "dot": topoDOT}[output]
			if show == nil {
				return usagef("-o must be text or dot, not %q", output)
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				t, err := c.Topology(cmd.Context())
				if err != nil {
					return err
				}
				show(a.out, t)
				return nil
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "`form`: text, or dot (Graphviz)")
	return cmd
}

// topoText writes each host with what is plugged into it and where its links lead.
func topoText(w io.Writer, t *weftv1.GetTopologyResponse) {
	for _, n := range t.GetNodes() {
		fmt.Fprintf(w, "%s  %s", n.GetName(), n.GetKind())
		if n.GetAddress() != "" {
			fmt.Fprintf(w, " %s", n.GetAddress())
		}
		fmt.Fprintf(w, ", %s\n", presence(n))
		for _, e := range t.GetEndpoints() {
			if e.GetHost() == n.GetName() {
				fmt.Fprintf(w, "  %s  %s (port %d)  %s  %s\n", e.GetInterface(), e.GetPort(), e.GetOfport(), e.GetNetwork(), strings.Join(e.GetIps(), " "))
			}
		}
		for _, l := range t.GetLinks() {
			for _, ends := range [][2]*weftv1.LinkEnd{{l.GetA(), l.GetB()}, {l.GetB(), l.GetA()}} {
				if ends[0].GetHost() == n.GetName() {
					fmt.Fprintf(w, "  %s  — %s  %s\n", ends[0].GetPort(), linkEnd(ends[1]), linkState(l))
				}
			}
		}
	}
	for _, n := range t.GetNetworks() {
		fmt.Fprintf(w, "network %s  %s: %s\n", n.GetNetwork(), carrier(n), strings.Join(n.GetHosts(), " "))
	}
}

// carrier is what carries a network: "vxlan 5001", "vlan 7 on physnet1".
func carrier(n *weftv1.TopologyNetwork) string {
	text := n.GetType()
	if n.GetId() != 0 {
		text += fmt.Sprintf(" %d", n.GetId())
	}
	if n.GetPhysicalNetwork() != "" {
		text += " on " + n.GetPhysicalNetwork()
	}
	return text
}

func presence(n *weftv1.TopologyNode) string {
	switch {
	case n.GetKind() == "unmanaged":
		return "never connects"
	case n.GetOnline():
		return "connected"
	}
	return "offline"
}

// linkState says how a link is, and how that is known.
func linkState(l *weftv1.TopologyLink) string {
	words := []string{"up"}
	if !l.GetUp() {
		words[0] = "down"
	}
	if l.GetGiven() {
		words = append(words, "given")
	}
	if l.GetDiscovered() {
		words = append(words, "seen")
	}
	return strings.Join(words, ", ")
}

// topoDOT writes the topology for Graphviz.
func topoDOT(w io.Writer, t *weftv1.GetTopologyResponse) {
	fmt.Fprintln(w, "graph topology {")
	for _, n := range t.GetNodes() {
		shape, style := "box", "solid"
		if n.GetKind() == "switch" {
			shape = "ellipse"
		}
		if !n.GetOnline() {
			style = "dashed"
		}
		fmt.Fprintf(w, "  %q [shape=%s, style=%s];\n", n.GetName(), shape, style)
	}
	for _, e := range t.GetEndpoints() {
		fmt.Fprintf(w, "  %q [shape=plaintext, label=%q];\n  %q -- %q;\n", "port "+e.GetPort(), e.GetPort()+"\n"+strings.Join(e.GetIps(), "\n"), e.GetHost(), "port "+e.GetPort())
	}
	for _, l := range t.GetLinks() {
		style := "solid"
		if !l.GetUp() {
			style = "dashed"
		}
		fmt.Fprintf(w, "  %q -- %q [style=%s, taillabel=%q, headlabel=%q];\n", l.GetA().GetHost(), l.GetB().GetHost(), style, l.GetA().GetPort(), l.GetB().GetPort())
	}
	for _, n := range t.GetNetworks() {
		node := "network " + n.GetNetwork() + " " + carrier(n)
		fmt.Fprintf(w, "  %q [shape=diamond, label=%q];\n", node, n.GetNetwork()+"\n"+carrier(n))
		for _, h := range n.GetHosts() {
			fmt.Fprintf(w, "  %q -- %q [style=dotted];\n", node, h)
		}
	}
	fmt.Fprintln(w, "}")
}
