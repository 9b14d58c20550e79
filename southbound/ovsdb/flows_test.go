package ovsdb

import (
	"fmt"
	"strings"
	"testing"

	"net"
)

// openflowPeer stands for a controller: it takes connections and says Hello, no more, so that a bridge may connect.
func (h *ovsHost) openflowPeer() int {
	l := h.listen()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.t.Cleanup(func() { c.Close() })
			say(c, "\x04\x00\x00\x08\x00\x00\x00\x01")
			go func() { // read it empty
				b := make([]byte, 4096)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func (x *lab) flows() int {
	return strings.Count(x.ofctl("dump-flows", x.dir+"/br-int.mgmt"), "cookie=0x77")
}

// TestControllerReplacedKeepsFlows is the measurement behind "insert and delete in one transaction": Open vSwitch flushes a bridge
// that goes from one controller to none, or from none to one, and must not see such a moment while a target is replaced.
func TestControllerReplacedKeepsFlows(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	b := integration()
	with := func(ports ...int) Desired {
		b.Controllers = nil
		for _, p := range ports {
			b.Controllers = append(b.Controllers, DesiredController{Target: onPort(p)})
		}
		return Desired{Bridges: []DesiredBridge{b}}
	}
	one, two := x.openflowPeer(), x.openflowPeer()
	apply := func(d Desired) {
		t.Helper()
		x.s.SetDesired(d)
		settled(t, x.s)
		poll(t, "ovs-vswitchd to apply", func() bool { return x.s.Status().Applied })
	}
	apply(with(one))
	x.until("the controller", func(s *State) bool { return s.Bridges["br-int"].ControllerConnected })
	for i := range 100 {
		x.ofctl("add-flow", x.dir+"/br-int.mgmt", fmt.Sprintf("cookie=0x77,table=1,priority=%d,actions=drop", i))
	}
	for _, tt := range []struct {
		name string
		to   Desired
	}{
		{"another target", with(two)},
		{"two of them", with(one, two)},
		{"the first again", with(one)},
		{"a dead one", with(1)},
		{"none named: the last one stays", with()},
	} {
		apply(tt.to)
		if n := x.flows(); n != 100 {
			t.Errorf("%s: %d of 100 flows are left", tt.name, n)
		}
	}
	if got := len(x.s.Snapshot().Bridges["br-int"].Controllers); got != 1 {
		t.Errorf("%d controllers", got)
	}
	x.vsctl("del-controller", "br-int") // what others may do; shown for contrast
	apply(with(two))
	t.Logf("after del-controller by someone else: %d of 100 flows", x.flows())
}
