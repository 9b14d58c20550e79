package security_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// ear hears what the log is told.
type ear struct {
	mu         sync.Mutex
	seen       map[string]int
	entries    int
	suppressed uint64
	stood      int
}

// listen hears the log until the test ends.
func listen(c *e2e.Cloud, filter *weftv1.LogFilter) *ear {
	c.T.Helper()
	e := &ear{seen: map[string]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		var failed error
		for heard, err := range c.Client.Log(ctx, client.LogOptions{Filter: filter}) {
			if failed = err; err == nil && heard.Lost > 0 {
				failed = fmt.Errorf("%d entries were lost", heard.Lost)
			}
			e.hear(heard)
		}
		done <- failed
	}()
	c.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			c.T.Error(err)
		}
	})
	e.stands(c, 1)
	return e
}

func (e *ear) hear(heard client.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(heard.Entries) == 0 {
		e.stood++
	}
	for _, entry := range heard.Entries {
		if n := entry.GetSuppressed(); n > 0 {
			e.suppressed += n
			continue
		}
		e.entries++
		e.seen[said(entry)]++
	}
}

// stands waits until the log is heard, for the nth time.
func (e *ear) stands(c *e2e.Cloud, n int) {
	c.T.Helper()
	c.Eventually(30*time.Second, "the log is heard", func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.stood < n {
			return fmt.Errorf("%d connections, want %d", e.stood, n)
		}
		return nil
	})
}

// said is an entry in words: "vm1 ingress drop securitygroup/red/web: udp 10.0.0.12 to 10.0.0.11:99".
func said(e *weftv1.LogEntry) string {
	verdict, p := e.GetVerdict(), e.GetPacket()
	if e.GetMode() == "shadow" {
		verdict = "shadow " + verdict
	}
	text := fmt.Sprintf("%s %s %s %s %s %s: %d %s to %s", e.GetPort().GetName(), e.GetHost(), e.GetDirection(), verdict, e.GetList().GetName(), e.GetRule(),
		p.GetProtocol(), p.GetSrc(), netip.AddrPortFrom(netip.MustParseAddr(p.GetDst()), uint16(p.GetDstPort())))
	if p.GetTcpFlags() != "" {
		text += " " + p.GetTcpFlags()
	}
	if p.IcmpType != nil {
		text += fmt.Sprintf(" type %d", p.GetIcmpType())
	}
	return text
}

// heard waits until exactly this was heard.
func (e *ear) heard(c *e2e.Cloud, when string, want map[string]int) {
	c.T.Helper()
	c.Eventually(30*time.Second, "the log is told, "+when, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if d := cmp.Diff(want, e.seen); d != "" {
			return fmt.Errorf("(-want +got):\n%s", d)
		}
		return nil
	})
}

const logging = `
kind: SecurityGroup
project: red
name: web
spec:
  log: %q
  rules:
    - {name: http, direction: ingress, protocol: tcp, ports: "80"}
    - {name: dns, direction: ingress, protocol: udp, ports: "53"}
    - {name: ping, direction: ingress, protocol: icmp}
    - {name: ping6, direction: ingress, protocol: ipv6-icmp}
---
kind: SecurityPolicy
project: red
name: guard
spec:
  rules:
    - {name: telnet, direction: ingress, protocol: tcp, ports: "23", action: reject, log: true}
    - {name: smtp, direction: egress, protocol: udp, ports: "25", action: drop, log: true}
    - {name: trial, direction: ingress, protocol: udp, ports: "53", action: drop, mode: shadow, log: true}
    - {name: silent, direction: ingress, protocol: udp, ports: "98", action: drop}
`

// The log is told which rule let a connection open, dropped or rejected a packet, or would have: once for each connection that is let
// through, by name, on the port's own host, in both directions and families; with weftd begun anew; as it says now; and otherwise nothing.
func TestLog(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply(fmt.Sprintf(logging, "all"))
	c.Apply(red.Port(1, "securityGroups: [web]"))
	web, near, far := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	netlab.Must(web.ServeTCP("[::]:80"))(t)
	e := listen(c, &weftv1.LogFilter{Project: "red"})
	want := map[string]int{}
	round := func(logs string) {
		for _, from := range []*netlab.Endpoint{near, far} {
			for _, is := range []func(*netlab.Endpoint) netip.Addr{(*netlab.Endpoint).IPv4, (*netlab.Endpoint).IPv6} {
				talk(c, from, web, is, logs, want)
			}
		}
	}
	round("all")
	e.heard(c, "first", want)
	c.Do(c.Weftd.Kill())
	c.Restart()
	c.Synced()
	e.stands(c, 2)
	round("all")
	e.heard(c, "with weftd begun anew", want)
	for _, logs := range []string{"drop", "accept", ""} {
		c.Apply(fmt.Sprintf(logging, logs))
		c.Revalidated()
		round(logs)
		e.heard(c, fmt.Sprintf("with log %q", logs), want)
	}
	text := string(netlab.Must(os.ReadFile(c.Weftd.LogFile()))(t))
	if !strings.Contains(text, "a rule decided on a packet") || !strings.Contains(text, "list=securitypolicy/red/guard") || !strings.Contains(text, "rule=telnet") {
		t.Errorf("weftd's own log says nothing of it:\n%s", text)
	}
}

// talk has two ports exchange something of everything, and notes what the log is told of it.
func talk(c *e2e.Cloud, from, web *netlab.Endpoint, is func(*netlab.Endpoint) netip.Addr, logs string, want map[string]int) {
	c.T.Helper()
	client, server := is(from), is(web)
	host := map[string]string{"red/vm2": "h1", "red/vm3": "h2"}[from.IfaceID()]
	note := func(on bool, format string, args ...any) {
		if on {
			want[fmt.Sprintf(format, args...)]++
		}
	}
	accepts, drops := logs == "all" || logs == "accept", logs == "all" || logs == "drop"
	at := func(ip netip.Addr, port uint16) string { return netip.AddrPortFrom(ip, port).String() }
	send := func(from, to *netlab.Endpoint, port uint16) {
		c.Do(from.Send(e2e.UDP{SrcMAC: from.MAC(), DstMAC: to.MAC(), Src: is(from).String(), Dst: is(to).String(), SrcPort: 4000, DstPort: port}.Frame(nil)))
	}
	if _, err := from.TCP(at(server, 80), 20_000, 10*time.Second); err != nil {
		c.T.Errorf("%s to %s: %v", from.Name(), at(server, 80), err)
	}
	note(accepts, "vm1 h1 ingress accept web http: 6 %s to %s syn", client, at(server, 80))
	if _, err := from.TCP(at(server, 23), 1, 5*time.Second); err == nil {
		c.T.Errorf("%s reaches %s", from.Name(), at(server, 23))
	}
	note(true, "vm1 h1 ingress reject guard telnet: 6 %s to %s syn", client, at(server, 23))
	send(from, web, 53)
	note(true, "vm1 h1 ingress shadow drop guard trial: 17 %s to %s", client, at(server, 53))
	note(accepts, "vm1 h1 ingress accept web dns: 17 %s to %s", client, at(server, 53))
	send(from, web, 98)
	send(from, web, 99)
	note(drops, "vm1 h1 ingress drop web : 17 %s to %s", client, at(server, 99))
	send(from, web, 25)
	note(true, "%s %s egress drop guard smtp: 17 %s to %s", strings.TrimPrefix(from.IfaceID(), "red/"), host, client, at(server, 25))
	send(web, from, 25)
	note(true, "vm1 h1 egress drop guard smtp: 17 %s to %s", server, at(client, 25))
	send(web, from, 7)
	note(accepts, "vm1 h1 egress accept web default-egress: 17 %s to %s", server, at(client, 7))
	if r, err := from.Ping(server.String(), netlab.PingOptions{Count: 3, Interval: 20 * time.Millisecond}); err != nil || r.Received == 0 {
		c.T.Errorf("%s pings %s: %v, %v", from.Name(), server, r, err)
	}
	rule, protocol, typ := "ping", 1, 8
	if server.Is6() {
		rule, protocol, typ = "ping6", 58, 128
	}
	note(accepts, "vm1 h1 ingress accept web %s: %d %s to %s type %d", rule, protocol, client, at(server, 0), typ)
}

// A flood that the log should be told of makes no more entries than a port has, each packet is told or counted, and others do not
// notice: their packets pass, and the controller answers them.
func TestLogFlood(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	red := e2e.Tenant{Project: "red", VMs: 3}
	c.Apply(red.YAML())
	c.Apply(fmt.Sprintf(logging, "drop"))
	c.Apply(red.Port(1, "securityGroups: [web]"))
	web, near, far := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2"), c.VM("h2", "red/vm3")
	e := listen(c, nil)
	const second, seconds = 10_000, 2
	frames := slices.Repeat([][]byte{e2e.UDP{SrcMAC: near.MAC(), DstMAC: web.MAC(), Src: near.IPv4().String(), Dst: web.IPv4().String(), DstPort: 99}.Frame(nil)}, second/100)
	c.Reach(netlab.Probe{From: far, To: near, Addr: near.IPv4()}) // the first packet between two hosts waits for the other's MAC address, and is lost
	pings := netlab.Must(far.StartPing(near.IPv4().String(), netlab.PingOptions{Interval: 20 * time.Millisecond}))(t)
	begun := time.Now()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var refused []time.Duration
	var asking sync.WaitGroup
	asking.Go(func() {
		for range 5 {
			start := time.Now()
			if who, err := far.TCP(web.IPv4().String()+":23", 1, 5*time.Second); err == nil {
				c.T.Errorf("%s answers on a port that is rejected", who)
			}
			refused = append(refused, time.Since(start))
		}
	})
	for range 100 * seconds {
		c.Do(near.Send(frames...))
		<-pace.C
	}
	took := time.Since(begun)
	asking.Wait()
	if r := pings.Stop(); r.Lost() > r.Sent/50 {
		t.Errorf("another port's pings: %v", r)
	}
	if slowest := slices.Max(refused); slowest > time.Second {
		t.Errorf("another port was rejected after %v", slowest)
	}
	c.Eventually(30*time.Second, "each packet is told or counted", func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if n := uint64(e.entries) + e.suppressed; n != second*seconds+uint64(len(refused)) {
			return fmt.Errorf("%d entries, %d suppressed", e.entries, e.suppressed)
		}
		return nil
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	t.Logf("%d packets in %v: %d entries, %d counted; rejected in %v", second*seconds, took, e.entries, e.suppressed, refused)
	if most := 100 + int(50*(took.Seconds()+1)); e.entries == 0 || e.entries > most {
		t.Errorf("%d entries in %v, at most %d are right", e.entries, took, most)
	}
}
