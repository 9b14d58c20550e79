package lb_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/test/netlab"
)

// clientsAt are clients with each version of IP: they are remembered one by one.
func clientsAt() (all [][2]string) {
	for _, from := range []string{"c1", "c2", "c3"} {
		for _, vip := range vips {
			all = append(all, [2]string{from, vip})
		}
	}
	return all
}

// served tells which member each client has; each has one.
func (l *lab) served(when string) map[[2]string]string {
	l.T.Helper()
	got := map[[2]string]string{}
	for _, c := range clientsAt() {
		for who := range l.ask(c[0], c[1], 80, 5) {
			if got[c] != "" {
				l.T.Errorf("%s, %s to %s is served by %s and %s", when, c[0], c[1], got[c], who)
			}
			got[c] = who
		}
	}
	l.T.Logf("%s: %v", when, got)
	return got
}

// remembered is how many clients the switches remember.
func (l *lab) remembered() int {
	n := 0
	for _, h := range []string{"h1", "h2"} {
		out := netlab.Must(l.Host(h).Ofctl("dump-flows", netlab.IntegrationBridge, fmt.Sprintf("table=%d", pipeline.Recall)))(l.T)
		n += strings.Count(out, "idle_timeout=")
	}
	return n
}

// Clients come back to the member that they had, whatever the pool says since, while it takes connections.
func TestPersistence(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	const kept = ", sessionPersistence: {type: SOURCE_IP, timeout: %d}"
	long := fmt.Sprintf(kept, 600)
	all := func(when, want string) {
		t.Helper()
		for c, who := range l.served(when) {
			if who != want {
				t.Errorf("%s, %s to %s is served by %s, want %s", when, c[0], c[1], who, want)
			}
		}
	}
	l.Apply(pool("web", fmt.Sprintf(kept, 2), "s1", "s2 adminStateUp: false", "s3 adminStateUp: false"))
	l.Revalidated()
	all("for a moment", "s1")
	l.Eventually(60*time.Second, "nobody is remembered any more", func() error {
		if n := l.remembered(); n > 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	l.Apply(pool("web", long, "s1 adminStateUp: false", "s2", "s3 adminStateUp: false"))
	l.Revalidated()
	all("at first", "s2")
	if n := l.remembered(); n != len(clientsAt()) {
		t.Errorf("%d clients are remembered, want %d", n, len(clientsAt()))
	}
	l.Apply(pool("web", long, "s1", "s2", "s3"))
	l.Revalidated()
	all("others are there", "s2")
	l.Do(l.Weftd.Stop())
	l.Restart()
	l.Apply(pool("web", long, "s1 weight: 256", "s2", "s3"))
	l.Revalidated()
	all("after a restart of weftd", "s2")
	if n := l.remembered(); n != len(clientsAt()) {
		t.Errorf("%d clients are remembered after a restart of weftd, want %d", n, len(clientsAt()))
	}
	l.Apply(pool("web", long, "s1", "s2 weight: 0", "s3"))
	l.Revalidated()
	moved := l.served("s2 drains")
	l.Apply(pool("web", long, "s1", "s2", "s3"))
	l.Revalidated()
	for c, who := range l.served("s2 is back") {
		if moved[c] == "s2" || who != moved[c] {
			t.Errorf("%s to %s was moved to %s while s2 drained, and is served by %s now", c[0], c[1], moved[c], who)
		}
	}
}

// The same port of a client comes to the same member again, other ports to others.
func TestSourceIPPort(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	l.Apply(pool("dns", ", algorithm: SOURCE_IP_PORT", "s1", "s2", "s3"))
	l.Revalidated()
	had, members := map[string]string{}, map[string]int{}
	for range 2 {
		for port := 20000; port < 20024; port++ {
			for _, vip := range vips {
				who := l.askFrom("c1", port, vip)
				key := fmt.Sprintf("port %d to %s", port, vip)
				if before := had[key]; before != "" && before != who {
					t.Errorf("%s is served by %s and %s", key, before, who)
				}
				had[key] = who
				members[who]++
			}
		}
		netlab.Must(l.Host("h1").Appctl("dpctl/flush-conntrack"))(t)
	}
	t.Logf("24 ports: %v", members)
	if len(members) < 3 {
		t.Errorf("24 ports of one client are served by %v", members)
	}
}

// askFrom asks DNS from a port, and returns who answers.
func (l *lab) askFrom(from string, port int, vip string) string {
	l.T.Helper()
	c := netlab.Must(l.vm[from].ListenPacket("udp", fmt.Sprintf(":%d", port)))(l.T)
	defer c.Close()
	b, n := make([]byte, 100), 0
	// Open vSwitch loses the first datagram by a tunnel, while it learns the way.
	l.Eventually(20*time.Second, fmt.Sprintf("port %d of %s is answered by %s", port, from, vip), func() error {
		err := c.SetDeadline(time.Now().Add(time.Second))
		if err == nil {
			_, err = c.WriteTo([]byte("?"), &net.UDPAddr{IP: net.ParseIP(vip), Port: 53})
		}
		if err == nil {
			n, _, err = c.ReadFrom(b)
		}
		return err
	})
	who, _, _ := strings.Cut(string(b[:n]), "\n")
	return strings.TrimPrefix(who, "red-")
}

// Connections and bytes are counted for each listener and member, at the hosts of clients, and what members are asked for directly is not.
func TestCounts(t *testing.T) {
	t.Parallel()
	l := newLab(t, "")
	const size = 5000
	want, all := map[string]uint64{}, uint64(0)
	for _, c := range clientsAt() {
		for range 10 {
			who, err := l.vm[c[0]].TCP(net.JoinHostPort(c[1], "80"), size, 5*time.Second)
			l.Do(err)
			all++
			who = strings.TrimPrefix(who, "red-")
			want[fmt.Sprintf("%s-%d", who, map[bool]int{true: 6, false: 4}[strings.Contains(c[1], ":")])]++
			_, err = l.vm[c[0]].TCP("10.0.0.14:8080", size, 5*time.Second)
			l.Do(err)
		}
	}
	l.Eventually(30*time.Second, "all is counted", func() error {
		listener := l.Get("listener/red/http").GetStatus().GetListener()
		if got := listener.GetConnections(); got != all {
			return fmt.Errorf("the listener has %d connections, want %d", got, all)
		}
		var in, out uint64
		for _, m := range l.Get("pool/red/web").GetStatus().GetPool().GetMembers() {
			n := want[m.GetName()]
			in, out = in+m.GetBytesIn(), out+m.GetBytesOut()
			if m.GetConnections() != n {
				return fmt.Errorf("%s has %d connections, want %d", m.GetName(), m.GetConnections(), n)
			}
			// Headers and acknowledgements come to less than half as much again.
			for _, bytes := range []uint64{m.GetBytesIn(), m.GetBytesOut()} {
				if bytes < n*size || bytes > n*size*3/2 {
					return fmt.Errorf("%s has %d bytes in and %d out for %d connections", m.GetName(), m.GetBytesIn(), m.GetBytesOut(), n)
				}
			}
		}
		if listener.GetBytesIn() != in || listener.GetBytesOut() != out {
			return fmt.Errorf("the listener has %d bytes in and %d out, its members %d and %d", listener.GetBytesIn(), listener.GetBytesOut(), in, out)
		}
		return nil
	})
}
