package carry_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// dumps are the flows of the integration bridges of all hosts, and the ports of all their bridges.
func dumps(c *e2e.Cloud) []string {
	c.T.Helper()
	var all []string
	for _, h := range c.Lab.Hosts() {
		for _, flow := range netlab.Must(h.DumpFlows(netlab.IntegrationBridge))(c.T) {
			all = append(all, h.Name()+": "+flow)
		}
		for _, bridge := range strings.Fields(netlab.Must(h.Vsctl("list-br"))(c.T)) {
			for _, port := range strings.Fields(netlab.Must(h.Vsctl("list-ports", bridge))(c.T)) {
				all = append(all, fmt.Sprintf("%s: %s has port %s", h.Name(), bridge, port))
			}
		}
	}
	return all
}

// difference lists what only one of two dumps has.
func difference(before, after []string) string {
	var lines []string
	for _, l := range before {
		if !slices.Contains(after, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range after {
		if !slices.Contains(before, l) {
			lines = append(lines, "+ "+l)
		}
	}
	return strings.Join(lines, "\n")
}
