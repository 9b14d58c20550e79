package labs_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
)

// TestAppInGo runs weftd with an app more, whose table is between port security and the policies of the sender: telnet is dropped by
// IPv4 and IPv6, on the host and to another one, all else goes on, and it is so after weftd and a switch began anew.
func TestAppInGo(t *testing.T) {
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Program: "./examples/apps/notelnet"})
	red := e2e.Tenant{Project: "red", Type: "vxlan", VMs: 3}
	c.Apply(red.YAML())
	vms := c.VMs(red, "h1", "h1", "h2")
	c.Active(red.Names()...)
	for _, vm := range vms[1:] {
		for _, port := range []string{"23", "22"} {
			if _, err := vm.ServeTCP(net.JoinHostPort("::", port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(when string) {
		t.Helper()
		for _, to := range vms[1:] {
			for _, ip := range []string{to.IPv4().String(), to.IPv6().String()} {
				c.Eventually(20*time.Second, fmt.Sprintf("%s: ssh to %s", when, ip), func() error {
					_, err := vms[0].TCP(net.JoinHostPort(ip, "22"), 100, 5*time.Second)
					return err
				})
				if who, err := vms[0].TCP(net.JoinHostPort(ip, "23"), 100, time.Second); err == nil {
					t.Errorf("%s: telnet to %s reached %s", when, ip, who)
				}
			}
		}
	}
	check("at first")
	out := c.Weft("explain", "--host", "h1", "in_port=1,tcp,tp_dst=23")
	if !strings.Contains(out, "gate") || !strings.Contains(out, "notelnet.drop(port/red/") {
		t.Errorf("weft explain says\n%s", out)
	}
	c.Do(c.Weftd.Kill())
	check("without weftd")
	c.Restart()
	check("after weftd began anew")
	c.Do(c.Host("h1").RestartVswitchd())
	c.Synced()
	check("after h1's switch began anew")
}
