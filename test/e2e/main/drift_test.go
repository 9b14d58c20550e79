package main_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// mendWithin is how fast what others break must be whole again.
const mendWithin = time.Second

// Others delete, change and add flows, ports and settings: what is ours is mended at once and counted, what is theirs stays.
func TestDrift(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	p := twoTenants(c, "h1", "h2")
	foreign := newForeign(c)
	int1 := netlab.IntegrationBridge
	l2, deliver := inTable(pipeline.L2), inTable(pipeline.Deliver)+"priority=1"
	for _, s := range []struct {
		name   string
		tamper []string // ovs-ofctl
	}{
		{"all flows deleted", []string{"del-flows", int1}},
		{"a table's flows deleted", []string{"del-flows", int1, l2}},
		{"one flow deleted", []string{"--strict", "del-flows", int1, deliver}},
		{"flows changed", []string{"mod-flows", int1, l2 + "actions=drop"}},
		{"a flow replaced", []string{"add-flow", int1, "cookie=0x1234," + deliver + ",actions=drop"}},
		{"flows changed to flood", []string{"mod-flows", int1, "table=0,actions=NORMAL"}},
	} {
		c.Run(s.name, func(c *e2e.Cloud) {
			mended(c, "flow", func() error { _, err := c.Host("h1").Ofctl(s.tamper...); return err })
			foreign.restore(c)
		})
	}
	for _, s := range []struct {
		name   string
		tamper []string // ovs-vsctl
	}{
		{"tunnel deleted", []string{"del-port", int1, "weft-vxlan"}},
		{"tunnel's options changed", []string{"set", "Interface", "weft-vxlan", "options:remote_ip=192.0.2.1"}},
		{"fail mode changed", []string{"set-fail-mode", int1, "standalone"}},
		{"controller deleted", []string{"del-controller", int1}},
		{"controller replaced", []string{"set-controller", int1, "tcp:192.0.2.1:6653"}},
		{"protocols changed", []string{"set", "Bridge", int1, "protocols=OpenFlow10"}},
	} {
		c.Run(s.name, func(c *e2e.Cloud) {
			mended(c, "ovsdb", func() error { _, err := c.Host("h1").Vsctl(append([]string{"--no-wait"}, s.tamper...)...); return err })
			c.Synced()
			c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
			foreign.restore(c)
		})
	}
	c.Run("bridge deleted", func(c *e2e.Cloud) {
		h := c.Host("h1")
		_, err := h.Vsctl("--no-wait", "del-br", int1)
		c.Do(err, h.WaitBridge(int1, 5*time.Second))
		for _, vm := range append(p.reds, p.blues...) {
			if vm.Host() == h {
				c.Do(vm.Plug())
			}
		}
		c.Active(append(p.red.Names(), p.blue.Names()...)...)
	})
	c.Run("what is not ours stays", func(c *e2e.Cloud) {
		foreign.restore(c)
		c.Do(c.Weftd.Kill())
		c.Restart()
		foreign.check(c)
		c.Apply(e2e.Tenant{Project: "green", VMs: 1}.YAML())
		foreign.check(c)
		c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Reaches)), netlab.Probe{From: p.reds[0], To: p.blues[1], Expect: netlab.Unreached})...)
	})
}

// mended demands that flows and ports of h1 are as they were within a second of what somebody does, and that it is counted
// as drift of that kind.
func mended(c *e2e.Cloud, kind string, tamper func() error) {
	c.T.Helper()
	h := c.Host("h1")
	look := func() ([]string, error) {
		dump, err := h.DumpFlows(netlab.IntegrationBridge)
		if err != nil {
			return nil, err
		}
		config, err := h.Vsctl("--columns=name,type,options,ofport,error", "list", "Interface", "weft-vxlan")
		if err != nil {
			return nil, err
		}
		bridge, err := h.Vsctl("--columns=fail_mode,datapath_id", "list", "Bridge", netlab.IntegrationBridge)
		protocols, protocolsErr := h.Vsctl("get", "Bridge", netlab.IntegrationBridge, "protocols")
		targets, targetsErr := h.Vsctl("get-controller", netlab.IntegrationBridge)
		ours := slices.DeleteFunc(dump, func(f string) bool { return strings.Contains(f, foreignCookie) })
		// A controller or a protocol more is somebody else's, and stays.
		return append(ours, config, bridge, fmt.Sprint("OpenFlow 1.3: ", strings.Contains(protocols, "OpenFlow13")),
			fmt.Sprint("our controller: ", strings.Contains(targets, "tcp:"+netlab.ControllerIPv4+":6653"))), errors.Join(err, protocolsErr, targetsErr)
	}
	before, err := look()
	c.Do(err)
	counted := c.Metrics().Sum("weft_drift_mended_total", "host", "h1", "kind", kind)
	c.Do(tamper())
	start := time.Now()
	c.Eventually(mendWithin, "mended", func() error {
		now, err := look()
		if err != nil {
			return err
		}
		return difference(before, now)
	})
	c.T.Logf("mended %v later", time.Since(start).Round(time.Millisecond))
	c.Eventually(mendWithin, "counted", func() error {
		if now := c.Metrics().Sum("weft_drift_mended_total", "host", "h1", "kind", kind); now <= counted {
			return fmt.Errorf("weft_drift_mended_total was %v and is %v", counted, now)
		}
		return nil
	})
}

// foreign is what somebody else has on h1.
type foreign struct{ bridge []string }

const foreignCookie = "cookie=0xfeed"

func newForeign(c *e2e.Cloud) foreign {
	h := c.Host("h1")
	_, err := h.Vsctl("add-br", "br-theirs", "--", "set", "Bridge", "br-theirs", "datapath_type=netdev", "fail_mode=secure", "external_ids:owner=them",
		"--", "add-port", "br-theirs", "theirs0", "--", "set", "Interface", "theirs0", "type=internal",
		"--", "add-port", netlab.IntegrationBridge, "theirs1", "--", "set", "Interface", "theirs1", "type=internal")
	c.Do(err)
	_, err = h.Ofctl("add-flow", "br-theirs", foreignCookie+",priority=5,ip,nw_dst=192.0.2.1,actions=drop")
	c.Do(err)
	f := foreign{}
	f.bridge, err = h.DumpFlows("br-theirs")
	c.Do(err)
	f.restore(c)
	return f
}

// restore puts their flow into our bridge, as some of the stories take everything away that is there.
func (f foreign) restore(c *e2e.Cloud) {
	_, err := c.Host("h1").Ofctl("add-flow", netlab.IntegrationBridge, foreignCookie+",table=0,priority=1,ip,nw_dst=192.0.2.1,actions=drop")
	c.Do(err)
	f.check(c)
}

// check demands that everything of theirs is there.
func (f foreign) check(c *e2e.Cloud) {
	c.T.Helper()
	h := c.Host("h1")
	if got := having(flows(c, "h1"), foreignCookie, "nw_dst=192.0.2.1"); len(got) != 1 {
		c.T.Errorf("their flow in our bridge: %v", got)
	}
	now, err := h.DumpFlows("br-theirs")
	c.Do(err, difference(f.bridge, now))
	out := netlab.Must(h.Vsctl("list-ports", "br-theirs"))(c.T) + " " + netlab.Must(h.Vsctl("get", "Bridge", "br-theirs", "external_ids"))(c.T)
	if out != "theirs0 {owner=them}" {
		c.T.Errorf("their bridge: %q", out)
	}
	// Where their port was in our bridge, the bridge itself may have been deleted by the story.
	if _, err := h.Vsctl("--may-exist", "add-port", netlab.IntegrationBridge, "theirs1"); err != nil {
		c.T.Error(err)
	}
}
