package carry_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// A network of each type is given another id on the wire, under a ping, and its first one back: the flows are those of the
// new id and no others, and afterwards just those that there were.
func TestNewID(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) {
		for _, name := range physicals {
			c.Physical(name, "h1", "h2")
		}
	}})
	for _, k := range kinds() {
		if k.ids[0] != 0 {
			c.Run(k.typ, func(c *e2e.Cloud) { newID(c, k) })
		}
	}
}

func newID(c *e2e.Cloud, k kind) {
	tenant := k.tenants()[0]
	tenant.VMs = 2
	c.Apply(tenant.YAML())
	vms := c.VMs(tenant, "h1", "h2")
	c.Talk(vms)
	before := dumps(c)
	ping := netlab.Must(vms[0].StartPing(vms[1].IPv4().String(), netlab.PingOptions{}))(c.T)
	other := tenant
	there := k
	there.ids[0] = k.ids[1]
	other.Spec = there.spec(0)
	for _, step := range []e2e.Tenant{other, tenant} {
		c.Apply(step.YAML())
		got, want := c.Get("network/"+tenant.Project+"/web").GetStatus().GetNetwork().GetSegmentationId(), k.ids[0]
		if step.Spec == other.Spec {
			want = k.ids[1]
			if now := dumps(c); slices.Equal(now, before) {
				c.T.Errorf("the flows with id %d are those with id %d", k.ids[1], k.ids[0])
			}
		}
		if got != want {
			c.T.Errorf("the network's id is %d, want %d", got, want)
		}
		received := ping.Received()
		c.Eventually(patience, "the ping goes on", func() error {
			if ping.Received() < received+3 {
				return errors.New("it does not")
			}
			return nil
		})
		onTheWire(c, k, vms)
	}
	c.T.Logf("%s: two changes under a ping: %v", k.typ, ping.Stop())
	if diff := difference(before, dumps(c)); diff != "" {
		c.T.Errorf("back at id %d, the flows are not what they were:\n%s", k.ids[0], diff)
	}
	c.Weft(append([]string{"delete", "--wait"}, "network/"+tenant.Project+"/web", "--cascade")...)
}
