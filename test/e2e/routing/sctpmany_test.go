package routing_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Of several endpoints that talk SCTP with one server by source NAT one gets through. What the others send, from the gateway's host and
// from another one, is counted, and seen nowhere.
func TestSCTPOfMany(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red := newTenant(c, "red")
	c.Apply(red.router(joined, gateway(", host: h2")))
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8"))(c.T)
	server := newSCTPEnd(c, o.router, server4)
	first := newSCTPEnd(c, red.vm["db2"], red.vm["db2"].IPv4())
	c.Reach(netlab.Probe{From: red.vm["web1"], To: o.router, Addr: server4}, netlab.Probe{From: red.vm["web2"], To: o.router, Addr: server4})
	through := func(client sctpEnd) (netip.Addr, error) { return associate(client, server, server4, 5000, 5000) }
	c.Eventually(30*time.Second, "the first gets through", func() error {
		_, err := through(first)
		return err
	})
	untranslated := func() uint64 {
		return c.Get("router/red/r1").GetStatus().GetRouter().GetExternalGateway().GetUntranslated()
	}
	for _, name := range []string{"web1", "web2"} {
		before, other := untranslated(), newSCTPEnd(c, red.vm[name], red.vm[name].IPv4())
		if who, err := through(other); !errors.Is(err, os.ErrDeadlineExceeded) {
			c.T.Errorf("%s gets through as %s: %v", name, who, err)
		}
		c.Eventually(20*time.Second, "what could not be translated is counted", func() error {
			if n := untranslated(); n <= before {
				return fmt.Errorf("%d, as before", n)
			}
			return nil
		})
	}
	if who, err := through(first); err != nil || who != gatewayOf(c, red, true) {
		c.T.Errorf("the first one is %s after that: %v", who, err)
	}
	o.sealed(c)
}
