package routing_test

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// The manifests of examples/nat are applied as their reader would, and do what they say.
func TestNATExample(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	wire := c.Physical("ext", "h1", "h2")
	outside := netlab.Must(wire.Machine("outside", netlab.EndpointOptions{Addresses: []string{"198.51.100.1/24"}}))(t)
	dir := filepath.Join(netlab.Must(e2e.Root())(t), "examples", "nat")
	for _, file := range []string{"outside.yaml", "shop.yaml"} {
		c.Weft("apply", "--wait", "-f", filepath.Join(dir, file))
	}
	www, mail := c.VMWith("h1", "shop/www", netlab.EndpointOptions{Gateways: []string{"10.0.0.1"}}), c.VMWith("h2", "shop/mail", netlab.EndpointOptions{Gateways: []string{"10.0.0.1"}})
	c.Active("shop/www", "shop/mail")
	for _, key := range []string{"router/shop/edge", "floatingip/shop/www", "portforwarding/shop/smtp"} {
		c.Phase(key, weftv1.Status_PHASE_ACTIVE)
	}
	c.Weft("get", "routers", "-p", "shop")
	c.Weft("get", "floatingips", "-p", "shop")
	c.Reach(netlab.Probe{From: mail, To: outside}, netlab.Probe{From: outside, To: www, Addr: netip.MustParseAddr("198.51.100.150")})
	defer netlab.Must(mail.ServeTCP(":25"))(t).Close()
	address := c.Get("portforwarding/shop/smtp").GetStatus().GetPortForwarding().GetExternalIp()
	if who, err := outside.TCP(address+":2525", 100, 5*time.Second); err != nil || who != mail.Name() {
		t.Errorf("%s answered at %s: %v", who, address, err)
	}
}

// The manifest of examples/routing does what it says, in both families, on one host and across hosts, whichever way its networks are
// carried.
func TestRoutingExample(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Physical("physnet1", "h1", "h2")
	c.Weft("apply", "--wait", "-f", filepath.Join(netlab.Must(e2e.Root())(t), "examples", "routing", "campus.yaml"))
	vm := map[string]*netlab.Endpoint{}
	for i, name := range []string{"desk", "bench", "gate", "printer"} {
		net := []string{"1", "2", "2", "3"}[i]
		vm[name] = c.VMWith([]string{"h1", "h2"}[i%2], "campus/"+name, netlab.EndpointOptions{Gateways: []string{"10." + net + ".0.1", "fd00:" + net + "::1"}})
	}
	c.Active("campus/desk", "campus/bench", "campus/gate", "campus/printer")
	c.Phase("router/campus/core", weftv1.Status_PHASE_ACTIVE)
	c.Do(vm["gate"].AddAddress("10.9.0.1/24"), vm["bench"].AddAddress("10.66.0.1/16"))
	probes := []netlab.Probe{
		{From: vm["desk"], To: vm["gate"], Addr: netip.MustParseAddr("10.9.0.1")},
		{From: vm["desk"], To: vm["bench"], Addr: netip.MustParseAddr("10.66.0.1"), Expect: netlab.Unreached},
	}
	for _, way := range []struct {
		from, to string
		expect   netlab.Reach
	}{
		{"desk", "bench", netlab.Reaches}, {"bench", "desk", netlab.Reaches}, {"desk", "gate", netlab.Reaches},
		{"desk", "printer", netlab.Reaches},
		{"bench", "printer", netlab.Unreached}, {"gate", "printer", netlab.Unreached},
	} {
		from, to := vm[way.from], vm[way.to]
		probes = append(probes, netlab.Probe{From: from, To: to, Expect: way.expect}, netlab.Probe{From: from, To: to, Addr: to.IPv6(), Expect: way.expect})
	}
	c.Reach(probes...)
}
