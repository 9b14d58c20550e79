package main_test

import (
	"errors"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Programs are killed and started again, weftd first, under 100 pings a second.
func TestRestart(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	p := twoTenants(c, "h1", "h2", "h3")
	everybody := func(c *e2e.Cloud) func() {
		return untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]}, [2]*netlab.Endpoint{p.reds[1], p.reds[2]}, [2]*netlab.Endpoint{p.blues[2], p.blues[0]})
	}
	c.Run("weftd killed", func(c *e2e.Cloud) { nothingSent(c, everybody, c.Weftd.Kill) })
	c.Run("weftd stopped", func(c *e2e.Cloud) { nothingSent(c, everybody, c.Weftd.Stop) })
	c.Run("weftd killed twice while hosts reconnect", func(c *e2e.Cloud) {
		nothingSent(c, everybody, func() error { return errors.Join(c.Weftd.Kill(), c.Weftd.Start(), c.Weftd.Kill()) })
	})
	c.Run("weftd away while things change", func(c *e2e.Cloud) { changedMeanwhile(c, p) })
	c.Run("weftd killed in the middle of changes", func(c *e2e.Cloud) { killedInTheMiddle(c) })
	c.Run("ovsdb-server restarted", func(c *e2e.Cloud) {
		stop := everybody(c)
		c.Do(c.Host("h2").RestartOVSDB())
		c.Synced()
		stop()
	})
	c.Run("ovs-vswitchd restarted", func(c *e2e.Cloud) { vswitchd(c, p, c.Host("h2").RestartVswitchd) })
	c.Run("ovs-vswitchd killed", func(c *e2e.Cloud) {
		vswitchd(c, p, func() error { return errors.Join(c.Host("h2").KillVswitchd(), c.Host("h2").StartVswitchd()) })
	})
}

// nothingSent ends weftd and starts it again: no ping is lost, no flow is touched, no row of a host's database is written.
func nothingSent(c *e2e.Cloud, everybody func(*e2e.Cloud) func(), end func() error) {
	before, configs := allFlows(c), nextCfg(c)
	stop := everybody(c)
	start := time.Now()
	c.Do(end())
	c.Restart()
	took := time.Since(start)
	m := c.Metrics()
	for _, name := range []string{"weft_flows_added_total", "weft_flows_removed_total", "weft_drift_mended_total"} {
		if n := m.Sum(name); n != 0 || !m.Has(name) && name != "weft_drift_mended_total" {
			c.T.Errorf("%s is %v after a restart in which nothing changed (there: %v)", name, n, m.Has(name))
		}
	}
	stop()
	if err := difference(before, allFlows(c)); err != nil {
		c.T.Errorf("flows changed: %v", err)
	}
	for _, h := range c.Lab.Hosts() {
		if age := youngest(c, h.Name()); age < took {
			c.T.Errorf("%s: a flow is %v old, weftd was ended %v ago", h.Name(), age, time.Since(start))
		}
	}
	if after := nextCfg(c); after != configs {
		c.T.Errorf("databases were written: next_cfg was %s, is %s", configs, after)
	}
	c.T.Logf("all hosts in step %v after weftd was ended", took.Round(time.Millisecond))
}

// nextCfg counts the changes that anybody has made to the hosts' databases.
func nextCfg(c *e2e.Cloud) string {
	s := ""
	for _, h := range c.Lab.Hosts() {
		s += h.Name() + "=" + netlab.Must(h.Vsctl("get", "Open_vSwitch", ".", "next_cfg"))(c.T) + " "
	}
	return s
}

// changedMeanwhile moves one machine and tampers with flows while weftd is away.
func changedMeanwhile(c *e2e.Cloud, p pair) {
	before := allFlows(c)
	blues := &pings{c: c}
	blues.start(p.blues[0], p.blues[1])
	c.Do(c.Weftd.Kill())
	c.Do(p.reds[1].MoveTo(c.Host("h3")))
	_, err := c.Host("h1").Ofctl("del-flows", netlab.IntegrationBridge, inTable(pipeline.FloodLocal))
	c.Do(err)
	c.Restart()
	c.Active("red/vm2")
	blues.lostAtMost(plugLoss)
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
	c.Do(p.reds[1].MoveTo(c.Host("h2")))
	c.Active("red/vm2")
	c.Eventually(5*time.Second, "everything is as before", func() error { return difference(withoutPorts(before), withoutPorts(allFlows(c))) })
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

// killedInTheMiddle kills weftd while 200 ports are on their way to the hosts.
func killedInTheMiddle(c *e2e.Cloud) {
	many := e2e.Tenant{Project: "green", VMs: 200}
	if _, err := c.TryApply(many.YAML()); err != nil {
		c.T.Fatal(err)
	}
	a := c.VM("h1", "green/vm1")
	b := c.VM("h3", "green/vm2")
	c.Do(c.Weftd.Kill())
	c.Restart()
	c.Active("green/vm1", "green/vm2")
	c.Reach(netlab.Probe{From: a, To: b}, netlab.Probe{From: b, To: a})
	c.Realised(c.Revision())
}

// vswitchd restarts a host's switch, which forgets all flows: the others do not notice, and everything comes back by itself.
func vswitchd(c *e2e.Cloud, p pair, restart func() error) {
	before := flows(c, "h2")
	stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[2]}, [2]*netlab.Endpoint{p.blues[2], p.blues[0]})
	c.Do(restart())
	start := time.Now()
	c.Eventually(10*time.Second, "the flows of h2 are back", func() error {
		now, err := c.Host("h2").DumpFlows(netlab.IntegrationBridge)
		if err != nil {
			return err
		}
		return difference(withoutPorts(before), withoutPorts(now))
	})
	c.T.Logf("flows are back %v after ovs-vswitchd was", time.Since(start).Round(time.Millisecond))
	c.Synced()
	c.Active("red/vm2", "blue/vm2")
	stop()
	c.Reach(append(netlab.AllPairs(p.reds, all(netlab.Reaches)), netlab.AllPairs(p.blues, all(netlab.Reaches))...)...)
	c.Reach(netlab.Probe{From: p.reds[0], To: p.blues[1], Expect: netlab.Unreached})
}

// withoutPorts leaves out of flows what depends on OpenFlow port numbers, and the cookies that depend on it.
func withoutPorts(flows []string) []string {
	var out []string
	for _, f := range flows {
		out = append(out, portNumbers.ReplaceAllString(f, ""))
	}
	return out
}
