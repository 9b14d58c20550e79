package e2e

import (
	"slices"

	"github.com/weft-sdn/weft/test/netlab"
)

// Physical makes a physical network and joins hosts to it.
func (c *Cloud) Physical(name string, hosts ...string) *netlab.Physical {
	c.T.Helper()
	var all []*netlab.Host
	for _, h := range hosts {
		all = append(all, c.Host(h))
	}
	p := netlab.Must(c.Lab.AddPhysical(name, all...))(c.T)
	c.physicals = append(c.physicals, p)
	return p
}

// Physicals are the physical networks in the order in which they were made.
func (c *Cloud) Physicals() []*netlab.Physical { return slices.Clone(c.physicals) }
