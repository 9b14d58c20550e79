package main_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Hosts that are not what they should be: two with one system-id, two with one tunnel address, one that says nothing of
// itself, one that is down. Each is named, and none of them is in the way of the others.
func TestHosts(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	p := twoTenants(c, "h1", "h2", "h3")
	stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]}, [2]*netlab.Endpoint{p.blues[1], p.blues[0]})
	c.Run("one line", func(c *e2e.Cloud) { oneLine(c) })
	c.Run("duplicate system-id", func(c *e2e.Cloud) { duplicateID(c) })
	c.Run("duplicate tunnel address", func(c *e2e.Cloud) { duplicateTunnel(c, p) })
	c.Run("dialled", func(c *e2e.Cloud) { dialled(c, p) })
	c.Run("offline", func(c *e2e.Cloud) { offline(c, p) })
	c.Run("slow", func(c *e2e.Cloud) { slow(c) })
	stop()
}

// oneLine looks at what the one line has made of a host.
func oneLine(c *e2e.Cloud) {
	out := c.Weft("hosts")
	for _, want := range []string{"NAME", "h1", "10.99.0.1", "h2", "10.99.0.2", "h3", "10.99.0.3", "master", "synced"} {
		if !strings.Contains(out, want) {
			c.T.Errorf("weft hosts does not say %q:\n%s", want, out)
		}
	}
	h := c.Host("h1")
	got := netlab.Must(h.Vsctl("--columns=datapath_type,fail_mode,protocols", "list", "Bridge", netlab.IntegrationBridge))(c.T)
	for _, want := range []string{"netdev", "secure", "OpenFlow13"} {
		if !strings.Contains(got, want) {
			c.T.Errorf("br-int is not %s:\n%s", want, got)
		}
	}
}

// A fourth host that calls itself h1 is refused, and h1's resource says so; h1 works on.
func duplicateID(c *e2e.Cloud) {
	h := netlab.Must(c.Lab.AddHost("h4", netlab.HostOptions{SystemID: "h1"}))(c.T)
	c.Onboard(h)
	c.Eventually(10*time.Second, "h1's status names the other", func() error {
		return says(c, "host/h1", "system-id", h.MgmtIP().String())
	})
	if out, err := h.Vsctl("--no-wait", "list-br"); err != nil || strings.Contains(out, netlab.IntegrationBridge) {
		c.T.Errorf("the refused host was given bridges: %q, %v", out, err)
	}
	if st := c.Get("host/h1").GetStatus().GetHost(); st.GetOpenflow() != weftv1.HostStatus_CONNECTION_SYNCED || !strings.HasPrefix(st.GetPeer(), "10.98.0.1:") {
		c.T.Errorf("h1 is disturbed: %v", st)
	}
	c.Apply(e2e.Tenant{Project: "after-duplicate", VMs: 1}.YAML())
	// Given a name of its own, it is welcome.
	_, err := h.Vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id=h4")
	c.Do(err)
	c.Synced()
	c.Do(h.SetManager(), h.Remove())
	c.Weft("delete", "host/h4", "--wait")
}

// says demands that the conditions or the last error of a resource have every word.
func says(c *e2e.Cloud, key string, words ...string) error {
	res, err := c.Client.Get(c.T.Context(), e2e.Ref(key))
	if err != nil {
		return err
	}
	st := res.GetStatus()
	text := st.GetLastError()
	for _, condition := range st.GetConditions() {
		text += "\n" + condition.GetMessage()
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			return fmt.Errorf("%s does not say %q: %q", key, w, text)
		}
	}
	return nil
}

// A host that claims h2's tunnel address gets no packets of h2's, is told so, and works once it has one of its own.
func duplicateTunnel(c *e2e.Cloud, p pair) {
	h := netlab.Must(c.Lab.AddHost("h5", netlab.HostOptions{EncapIP: "10.99.0.2"}))(c.T)
	c.Onboard(h)
	c.Eventually(10*time.Second, "h5's status names h2", func() error { return says(c, "host/h5", "10.99.0.2", "h2") })
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
	_, err := h.Vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:weft-encap-ip="+h.TunnelIP().String())
	c.Do(err)
	c.Synced()
	tenant := e2e.Tenant{Project: "red", VMs: 4}
	c.Apply(tenant.Port(4, ""))
	vm := c.VM("h5", "red/vm4")
	c.Active("red/vm4")
	c.Reach(netlab.AllPairs(append(p.reds, vm), all(netlab.Reaches))...)
	c.Leave(vm)
	c.Do(h.SetManager(), h.Remove())
	c.Weft("delete", "port/red/vm4", "host/h5", "--wait")
}

// weftd dials a host that listens, instead of being called by it.
func dialled(c *e2e.Cloud, p pair) {
	h := c.Host("h3")
	c.Do(h.SetManager("ptcp:6640:" + h.MgmtIP().String()))
	c.Apply(fmt.Sprintf("kind: Host\nname: h3\nspec: {manager: %q}\n", "tcp:"+h.MgmtIP().String()+":6640"))
	c.Synced()
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
	c.Apply("kind: Host\nname: h3\nspec: {}\n")
	c.Onboard(h)
	c.Synced()
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
}

// h3's control path is cut: packets flow, Wait is not held up unless offline hosts count, and what was missed is made up.
func offline(c *e2e.Cloud, p pair) {
	stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[2]})
	h := c.Host("h3")
	c.Do(h.CutControl())
	c.Eventually(60*time.Second, "h3 is found to be offline", func() error {
		st := c.Get("host/h3").GetStatus().GetHost()
		if st.GetOpenflow() != weftv1.HostStatus_CONNECTION_OFFLINE || st.GetOvsdb() != weftv1.HostStatus_CONNECTION_OFFLINE {
			return fmt.Errorf("OpenFlow %v, OVSDB %v", st.GetOpenflow(), st.GetOvsdb())
		}
		return nil
	})
	if out := c.Weft("hosts"); !strings.Contains(out, "offline") {
		c.T.Errorf("weft hosts does not say that h3 is offline:\n%s", out)
	}
	resp, err := c.TryApply(p.red.Port(2, "allowedAddressPairs: [{ip: 10.0.0.99}]"))
	c.Do(err)
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done, err := c.Client.Wait(ctx, client.WaitOptions{Revision: resp.GetRevision(), Timeout: 10 * time.Second})
	c.Do(err)
	if took := time.Since(start); !done.GetRealised() || took > 2*time.Second {
		c.T.Errorf("a host that is offline holds Wait up: realised %v after %v, %v", done.GetRealised(), took, done.GetHosts())
	}
	counts, err := c.Client.Wait(ctx, client.WaitOptions{Revision: resp.GetRevision(), OfflineCounts: true, Timeout: time.Second})
	c.Do(err)
	if counts.GetRealised() {
		c.T.Errorf("Wait says that everything is realised where an offline host counts: %v", counts.GetHosts())
	}
	states := fmt.Sprint(done.GetHosts())
	if !strings.Contains(states, "STATE_OFFLINE") {
		c.T.Errorf("Wait does not name the offline host: %s", states)
	}
	c.Do(h.MendControl())
	c.Synced()
	c.Eventually(10*time.Second, "h3 has what it missed", func() error {
		all, err := c.Client.Wait(ctx, client.WaitOptions{Revision: resp.GetRevision(), OfflineCounts: true, Timeout: time.Second})
		if err == nil && !all.GetRealised() {
			err = fmt.Errorf("%v", all.GetHosts())
		}
		return err
	})
	stop()
	c.Apply(p.red.Port(2, ""))
}

// h3's switch hangs: the others get theirs at once.
func slow(c *e2e.Cloud) {
	h := c.Host("h3")
	c.Do(h.PauseVswitchd())
	c.T.Cleanup(func() { _ = h.ResumeVswitchd() }) // a second time is no harm
	start := time.Now()
	resp, err := c.TryApply(e2e.Tenant{Project: "red", VMs: 1}.Port(1, "allowedAddressPairs: [{ip: 10.0.0.98}]"))
	c.Do(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	done, err := c.Client.Wait(ctx, client.WaitOptions{Revision: resp.GetRevision(), Hosts: []string{"h1", "h2"}, Timeout: 10 * time.Second})
	c.Do(err)
	if took := time.Since(start); !done.GetRealised() || took > 2*time.Second {
		c.T.Errorf("a host that hangs delays the others: realised %v after %v, %v", done.GetRealised(), took, done.GetHosts())
	}
	if n := len(having(flows(c, "h1"), "10.0.0.98")); n == 0 {
		c.T.Error("h1 does not have the new pair's flows")
	}
	c.Do(h.ResumeVswitchd())
	c.Realised(resp.GetRevision())
	c.Eventually(10*time.Second, "h3 has them too", func() error {
		if all := c.Get("host/h3").GetStatus().GetHost(); all.GetRealisedRevision() < resp.GetRevision() {
			return errors.New(all.String())
		}
		return nil
	})
}
