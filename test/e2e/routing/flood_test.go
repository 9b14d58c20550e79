package routing_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Ports that keep the controller busy do not keep it from others: the switch lets only so much of each one through.
func TestFloods(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	c.Apply(strings.TrimPrefix(configured, "\n"))
	flooder, quiet := blank(c, "h1", "vm2"), blank(c, "h1", "vm1")
	c.Active("red/vm1", "red/vm2")
	c.Do(flooder.AddAddress("10.0.0.12/24"), flooder.AddAddress("fd00:10::12/64"))
	for _, args := range [][]string{{"route", "add", "default", "via", "10.0.0.1"}, {"-6", "route", "add", "default", "via", "fd00:10::1"}} {
		_, err := flooder.Exec("ip", args...)
		c.Do(err)
	}
	for _, router := range []string{"10.0.0.1", "fd00:10::1"} {
		says(c, flooder, []string{" 0% packet loss"}, "ping", "-c", "1", "-W", "2", router)
	}
	if usual := told(c, quiet); usual > usualWait {
		t.Fatalf("without a flood DHCP takes %v", usual)
	}
	for _, tt := range []struct {
		name string
		to   string // of UDP packets
		ttl  int    // 0: the usual
	}{{"time to live", "10.66.0.1:9", 1}, {"no route", "10.77.0.1:9", 0}, {"no route, IPv6", "[fd00:77::1]:9", 0}, {"no such port", "10.0.0.1:9", 0}, {"asks of DHCP", "255.255.255.255:67", 0}} {
		c.Run(tt.name, func(c *e2e.Cloud) { flooded(c, flooder, quiet, tt.to, tt.ttl) })
	}
	c.Run("meters come back", func(c *e2e.Cloud) {
		before := meters(c, c.Host("h1"))
		c.Do(c.Host("h1").RestartVswitchd())
		c.Synced()
		if after := meters(c, c.Host("h1")); fmt.Sprint(after) != fmt.Sprint(before) || len(after) < 3 {
			c.T.Errorf("before a restart of the switch %v, after %v", before, after)
		}
		flooded(c, flooder, quiet, "10.77.0.1:9", 0)
		c.Do(quiet.Unplug())
		c.Eventually(20*time.Second, "the meter of a port goes with it", func() error {
			if left := meters(c, c.Host("h1")); len(left) != len(before)-1 {
				return fmt.Errorf("%v", left)
			}
			return nil
		})
	})
}

// A port has 100 packets a second, after 200, so that a flood makes no more than that; others make some, too.
const (
	portRate, portBurst = 100, 200
	others, eachAsk     = 40, 4 // of the quiet port: by itself, and each time it asks for its address
	usualWait           = 2 * time.Second
	floodTime           = 3 * time.Second
)

// flooded has a port send at full speed for some seconds, while another one asks for its address as always.
func flooded(c *e2e.Cloud, flooder, quiet *netlab.Endpoint, to string, ttl int) {
	ctx, stop := context.WithCancel(c.T.Context())
	sent := make(chan int, 1)
	addr := netip.MustParseAddrPort(to)
	network := "udp4"
	if addr.Addr().Is6() {
		network = "udp6"
	}
	conn := netlab.Must(flooder.ListenPacket(network, ":68"))(c.T).(*net.UDPConn)
	defer conn.Close()
	if ttl != 0 {
		raw := netlab.Must(conn.SyscallConn())(c.T)
		c.Do(raw.Control(func(fd uintptr) { c.Do(unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, ttl)) }))
	}
	before, dropped, start := packetIns(c, "h1"), metered(c, c.Host("h1")), time.Now()
	go func() { sent <- flood(ctx, conn, addr) }()
	asks, longest := 0, time.Duration(0)
	for ; asks == 0 || time.Since(start) < floodTime; asks++ {
		longest = max(longest, told(c, quiet))
	}
	passed := time.Since(start)
	stop()
	n := <-sent
	if longest > usualWait {
		c.T.Errorf("while another port floods, DHCP takes %v", longest)
	}
	most := portRate*passed.Seconds() + portBurst + others + float64(eachAsk*asks)
	made := packetIns(c, "h1") - before
	if made > most {
		c.T.Errorf("%d packets in %v made %v messages to the controller, at most %v may", n, passed, made, most)
	}
	// Most of what is sent is lost before the switch looks at it.
	tooMuch := metered(c, c.Host("h1")) - dropped
	if tooMuch < int(5*most) {
		c.T.Errorf("of %d packets in %v the port's meter dropped %d only", n, passed, tooMuch)
	}
	c.T.Logf("%d packets in %v: %d dropped by the meter, %v messages to the controller; DHCP %d times, at most %v", n, passed, tooMuch, made, asks, longest)
}

// flood sends until it is to end, and returns how many packets it has sent.
func flood(ctx context.Context, conn *net.UDPConn, to netip.AddrPort) int {
	n := 0
	for payload := make([]byte, 300); ctx.Err() == nil; {
		if _, err := conn.WriteToUDPAddrPort(payload, to); err == nil { // the queue may be full
			n++
		}
	}
	return n
}

// told has Debian's small DHCP client ask for the address of a port, and returns how long that takes.
func told(c *e2e.Cloud, e *netlab.Endpoint) time.Duration {
	c.T.Helper()
	script := filepath.Join(c.T.TempDir(), "script")
	c.Do(os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o700))
	start := time.Now()
	if text, err := e.Exec("udhcpc", "-f", "-n", "-q", "-t", "5", "-T", "3", "-i", e.Link(), "-s", script); err != nil {
		c.T.Errorf("%v\n%s", err, text)
	}
	return time.Since(start)
}

// packetIns is how many messages to the controller it has counted of a host.
func packetIns(c *e2e.Cloud, host string) float64 {
	return c.Metrics().Sum("weft_packet_ins_total", "host", host)
}

var (
	meterConfig = regexp.MustCompile(`meter=(\d+) pktps burst`)
	meterPassed = regexp.MustCompile(`0: packet_count:(\d+)`)
)

// meters are the ids of a switch's meters.
func meters(c *e2e.Cloud, h *netlab.Host) []string {
	c.T.Helper()
	var ids []string
	for _, m := range meterConfig.FindAllStringSubmatch(netlab.Must(h.Ofctl("dump-meters", "br-int"))(c.T), -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids) // switches list them in any order
	return ids
}

// metered is how many packets a switch's meters have dropped.
func metered(c *e2e.Cloud, h *netlab.Host) int {
	c.T.Helper()
	sum := 0
	for _, m := range meterPassed.FindAllStringSubmatch(netlab.Must(h.Ofctl("meter-stats", "br-int"))(c.T), -1) {
		sum += netlab.Must(strconv.Atoi(m[1]))(c.T)
	}
	return sum
}
