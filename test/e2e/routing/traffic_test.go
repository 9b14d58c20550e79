package routing_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// longestStall is what a busy machine may keep a stream waiting, and less than a change of others would if it cut it for a moment: TCP
// sends again after 0.2, 0.6, 1.4 and 3 s.
const longestStall = 2500 * time.Millisecond

// longestMove is what a stream may wait while its own endpoint moves.
const longestMove = 10 * time.Second

// talk is a TCP connection over which numbers go to an echo server and come back, one after another.
type talk struct {
	what  string
	stall time.Duration // that it may wait
	conn  net.Conn
	done  chan struct{}

	mu      sync.Mutex
	echoed  uint64
	last    time.Time
	longest time.Duration
	err     error
}

// newTalk connects from an endpoint to the echo server of another, by the address given.
func newTalk(c *e2e.Cloud, what string, from, to *netlab.Endpoint, addr netip.AddrPort) *talk {
	c.T.Helper()
	server := netlab.Must(to.ServeTCP(netip.AddrPortFrom(netip.IPv6Unspecified(), addr.Port()).String()))(c.T)
	c.T.Cleanup(func() { _ = server.Close() }) // the lab would, too
	return connect(c, what, from, to, addr.String())
}

func connect(c *e2e.Cloud, what string, from, to *netlab.Endpoint, addr string) *talk {
	c.T.Helper()
	s := &talk{what: what, stall: longestStall, done: make(chan struct{}), last: time.Now()}
	c.Eventually(20*time.Second, what+" connects", func() error {
		var err error
		s.conn, err = from.DialContext(c.T.Context(), "tcp", addr)
		return err
	})
	r := bufio.NewReader(s.conn)
	if who, err := r.ReadString('\n'); err != nil || strings.TrimSpace(who) != to.Name() {
		c.T.Fatalf("%s: %q answers: %v", what, who, err)
	}
	go s.run(r)
	return s
}

func (s *talk) run(r io.Reader) {
	defer close(s.done)
	for n := uint64(1); ; n++ {
		sent, got := binary.BigEndian.AppendUint64(nil, n), make([]byte, 8)
		_, err := s.conn.Write(sent)
		if err == nil {
			_, err = io.ReadFull(r, got)
		}
		if err == nil && binary.BigEndian.Uint64(got) != n {
			err = fmt.Errorf("%d came back for %d", binary.BigEndian.Uint64(got), n)
		}
		s.mu.Lock()
		s.longest = max(s.longest, time.Since(s.last))
		s.last, s.echoed, s.err = time.Now(), n, err
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// state is how many numbers have come back, and what is wrong.
func (s *talk) state() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(s.err, net.ErrClosed):
	case s.err != nil:
		return s.echoed, fmt.Errorf("%s: %w", s.what, s.err)
	case s.longest > s.stall:
		return s.echoed, fmt.Errorf("%s: nothing came back for %v", s.what, s.longest)
	}
	return s.echoed, nil
}

// talks are those that must not notice anything.
type talks []*talk

// goOn demands that numbers come back over all streams, as they did before.
func (all talks) goOn(c *e2e.Cloud, after string) {
	c.T.Helper()
	for _, s := range all {
		before, _ := s.state()
		c.Eventually(20*time.Second, s.what+" goes on after "+after, func() error {
			n, err := s.state()
			if err != nil {
				c.T.Fatalf("after %s: %v", after, err)
			}
			if n < before+20 {
				return fmt.Errorf("%d numbers came back", n-before)
			}
			return nil
		})
	}
}

func (all talks) end(c *e2e.Cloud) {
	for _, s := range all {
		_ = s.conn.Close()
		<-s.done
		n, err := s.state()
		if err != nil {
			c.T.Error(err)
		}
		c.T.Logf("%s: %d numbers, longest wait %v", s.what, n, s.longest)
	}
}

const moverYAML = `kind: Port
project: red
name: mover
spec: {network: web, macAddress: fa:16:3e:00:00:77, fixedIps: [{ip: 10.0.0.77}, {ip: "fd00:10::77"}]}
---
kind: Network
project: red
name: more
spec: {}
---
kind: Subnet
project: red
name: more-v4
spec: {network: more, cidr: 10.3.0.0/24}
`

// TCP streams through routers, source NAT, floating IPs and forwarded ports do not notice what is changed for others: of the same
// router, of its host, and of another tenant.
func TestChangeUnderTraffic(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red, blue := newTenant(c, "red"), newTenant(c, "blue")
	plain := []string{joined, gateway(", host: h2")}
	c.Apply(red.router(plain...), blue.router(joined, gateway("")), moverYAML, red.floating("parts", "router: r1"),
		"kind: PortForwarding\nproject: red\nname: kept\nspec: {floatingIp: parts, protocol: tcp, externalPorts: \"8000\", port: db1, internalPorts: \"9000\"}\n")
	mover := c.VMWith("h1", "red/mover", netlab.EndpointOptions{Gateways: []string{"10.0.0.1", "fd00:10::1"}})
	c.Active("red/mover")
	floats := float(c, red, "web1", "db2")
	parts := c.Get("floatingip/red/parts").GetStatus().GetFloatingIp().GetIp()
	vm := red.vm
	at := netip.AddrPortFrom
	all := talks{
		newTalk(c, "routed on one host", vm["web1"], vm["db1"], at(vm["db1"].IPv4(), 7001)),
		newTalk(c, "routed across hosts", vm["web2"], vm["db2"], at(vm["db2"].IPv6(), 7002)),
		newTalk(c, "source NAT from another host", vm["db1"], o.router, at(server4, 7003)),
		newTalk(c, "source NAT at the gateway", vm["web2"], o.router, at(server4, 7004)),
		newTalk(c, "a distributed floating IP", o.router, vm["web1"], at(floats["web1"], 7005)),
		newTalk(c, "a central floating IP", o.router, vm["db2"], at(floats["db2"], 7006)),
		newTalk(c, "a floating IP to another", vm["web1"], vm["db2"], at(floats["db2"], 7007)),
		newTalk(c, "another tenant", blue.vm["web1"], blue.vm["db2"], at(blue.vm["db2"].IPv4(), 7008)),
	}
	server := netlab.Must(vm["db1"].ServeTCP(":9000"))(t)
	defer server.Close()
	all = append(all, connect(c, "a forwarded port", o.router, vm["db1"], parts+":8000"))
	for _, s := range []*talk{newTalk(c, "of who moves", mover, vm["db2"], at(vm["db2"].IPv4(), 7009)),
		newTalk(c, "to who moves", vm["db1"], mover, at(mover.IPv6(), 7010))} {
		s.stall = longestMove
		all = append(all, s)
	}
	all.goOn(c, "nothing")
	router := func(lines ...string) func() { return func() { c.Apply(red.router(lines...)) } }
	drop := func(keys ...string) func() { return func() { c.Delete(client.DeleteOptions{}, keys...) } }
	move := func(to string) func() {
		return func() {
			c.Do(mover.MoveTo(c.Host(to)))
			c.Active("red/mover")
			c.Reach(netlab.Probe{From: mover, To: vm["db2"]}, netlab.Probe{From: mover, To: o.router, Addr: server4})
		}
	}
	for _, step := range []struct {
		what string
		do   func()
	}{
		{"an interface came", router(strings.Replace(joined, "[", "[{subnet: more-v4}, ", 1), plain[1])},
		{"the interface went", router(plain...)},
		{"routes came", router(append(plain, `routes: [{destination: 10.66.0.0/16, nextHops: [{ip: 10.0.0.77}]}, {destination: "fd00:66::/64", type: blackhole}]`)...)},
		{"a policy route came", router(append(plain, "policyRoutes: [{priority: 10, match: {source: 10.0.0.77/32, destination: 10.66.0.0/16}, action: drop}]")...)},
		{"routes went", router(plain...)},
		{"a floating IP came", func() { float(c, red, "mover") }},
		{"an endpoint moved to h2", move("h2")},
		{"an endpoint moved to h3", move("h3")},
		{"an endpoint moved back", move("h1")},
		{"ports were forwarded", func() {
			c.Apply("kind: PortForwarding\nproject: red\nname: other\nspec: {floatingIp: parts, protocol: tcp, externalPorts: \"8001-8010\", port: mover}\n")
		}},
		{"they are not any more", drop("portforwarding/red/other")},
		{"the floating IP went", drop("floatingip/red/f-mover")},
		{"the other tenant's gateway went", func() { c.Apply(blue.router(joined)) }},
	} {
		step.do()
		all.goOn(c, step.what)
	}
	all.end(c)
	o.sealed(c)
}
