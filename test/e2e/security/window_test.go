package security_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// manyRules is a group with so many rules that a switch takes time for them. None is about a port below first.
func manyRules(name string, first, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kind: SecurityGroup\nproject: red\nname: %s\nspec:\n  rules:\n    - {direction: ingress, protocol: tcp, ports: \"7001\"}\n", name)
	for port := first; port < first+n; port++ {
		fmt.Fprintf(&b, "    - {direction: ingress, protocol: udp, ports: \"%d\"}\n", port)
	}
	return b.String()
}

// window is a server whose group lets TCP to one port in, and who sends it what may pass and what may not.
type window struct {
	red               e2e.Tenant
	server, near, far *netlab.Endpoint
	streams           []*e2e.Stream
}

// refused has everybody send what must not pass, a thousand packets a second each, while something happens; afterwards the connections
// that there were go on.
func (w *window) refused(c *e2e.Cloud, what string, during func()) {
	c.T.Helper()
	frame := func(from, to *netlab.Endpoint, port uint16) func([]byte) []byte {
		return e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: from.IPv4().String(), Dst: to.IPv4().String(), DstPort: port}.Frame
	}
	frame6 := func(from, to *netlab.Endpoint) func([]byte) []byte {
		return e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: from.IPv6().String(), Dst: to.IPv6().String()}.Frame
	}
	c.Nowhere(what+", on the same host", w.near, frame(w.near, w.server, 9), func() {
		c.Nowhere(what+", from another host", w.far, frame6(w.far, w.server), func() {
			c.Nowhere(what+", to a client", w.server, frame(w.server, w.far, 9), during)
		})
	})
	c.Live(what, w.streams...)
}

// Whatever ends or starts, nothing passes that must not, and connections that may go on do.
func TestNoWindow(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	w := &window{red: e2e.Tenant{Project: "red", VMs: 3}}
	c.Apply(w.red.YAML())
	c.Apply(manyRules("web", 20000, 10), "kind: SecurityGroup\nproject: red\nname: clients\n")
	c.Apply(w.red.Port(1, "securityGroups: [web]"), w.red.Port(2, "securityGroups: [clients]"), w.red.Port(3, "securityGroups: [clients]"))
	w.server, w.near, w.far = c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	c.Active(w.red.Names()...)
	netlab.Must(w.server.ServeTCP("[::]:7001"))(t)
	for _, from := range []*netlab.Endpoint{w.near, w.far} {
		w.streams = append(w.streams, c.Dial(from.Name()+" by IPv4", from, w.server, w.server.IPv4().String()+":7001"),
			c.Dial(from.Name()+" by IPv6", from, w.server, "["+w.server.IPv6().String()+"]:7001"))
	}
	c.Run("killed in the middle of an edit", func(c *e2e.Cloud) {
		w.refused(c, "weftd is killed", func() {
			for round := range 4 {
				_, err := c.TryApply(manyRules("web", 20000+round*1000, 800))
				c.Do(err, c.Weftd.Kill())
				c.Restart()
				c.Realised(c.Revision())
			}
		})
	})
	for _, host := range []string{"h1", "h2"} {
		h := c.Host(host)
		c.Run("ovs-vswitchd of "+host+" restarted", func(c *e2e.Cloud) {
			w.refused(c, "it restarts", func() {
				c.Do(h.RestartVswitchd())
				w.back(c)
			})
		})
		c.Run("ovs-vswitchd of "+host+" killed", func(c *e2e.Cloud) {
			w.refused(c, "it is killed", func() {
				c.Do(h.KillVswitchd(), h.StartVswitchd())
				w.back(c)
			})
		})
		c.Run(host+" and weftd restarted", func(c *e2e.Cloud) {
			w.refused(c, "all restart", func() {
				c.Do(c.Weftd.Kill(), errors.Join(h.KillVswitchd(), h.KillOVSDB()), h.StartOVSDB(), h.StartVswitchd())
				c.Restart()
				w.back(c)
			})
		})
	}
	c.Run("plugged before its rules", func(c *e2e.Cloud) { w.pluggedFirst(c) })
}

// back waits until everything is as it was.
func (w *window) back(c *e2e.Cloud) {
	c.T.Helper()
	c.Synced()
	c.Active(w.red.Names()...)
}

// pluggedFirst plugs a machine in before there is a port for it, and then while its rules are on their way.
func (w *window) pluggedFirst(c *e2e.Cloud) {
	const ip, mac = "10.0.0.14", "fa:16:3e:00:00:14"
	for _, h := range []string{"h1", "h2"} {
		late := netlab.Must(c.Host(h).AddEndpoint("late-"+h, netlab.EndpointOptions{IfaceID: "red/vm4", MAC: mac, Addresses: []string{ip + "/24"}}))(c.T)
		frame := e2e.UDP{SrcMAC: w.near.MAC(), DstMAC: e2e.MAC(mac), Src: w.near.IPv4().String(), Dst: ip}.Frame
		// By other ports: what it sends would be answers otherwise, and what it gets answers to that.
		back := e2e.UDP{SrcMAC: e2e.MAC(mac), DstMAC: w.near.MAC(), Src: ip, Dst: w.near.IPv4().String(), SrcPort: 10, DstPort: 10}.Frame
		c.Nowhere("to a port whose rules come", w.near, frame, func() {
			c.Nowhere("from it", late, back, func() {
				c.Apply(w.red.Port(4, "securityGroups: [late]"), manyRules("late", 30000, 900))
				c.Active("red/vm4")
				c.Do(late.Unplug(), late.Plug()) // and once more when the rules are there
				c.Active("red/vm4")
				c.Do(c.Weftd.Kill(), late.Unplug())
				c.Do(late.Plug())
				c.Restart()
				c.Active("red/vm4")
			})
		})
		netlab.Must(late.ServeTCP(":7001"))(c.T)
		c.Eventually(10*time.Second, "its rules let in what they should", func() error {
			_, err := w.near.TCP(ip+":7001", 10, 2*time.Second)
			return err
		})
		c.Do(late.Remove())
		c.Delete(client.DeleteOptions{}, "port/red/vm4", "securitygroup/red/late")
	}
}
