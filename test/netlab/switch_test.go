package netlab_test

import (
	"testing"

	"github.com/weft-sdn/weft/test/netlab"
)

// Two endpoints on two bare switches that are joined by a wire reach each other; without the wire they do not.
func TestSwitches(t *testing.T) {
	t.Parallel()
	lab := netlab.ForTest(t)
	var ends []*netlab.Endpoint
	var switches []*netlab.Host
	for i, name := range []string{"s1", "s2"} {
		s := netlab.Must(lab.AddSwitch(name))(t)
		e := netlab.Must(s.AddEndpoint("e"+name, netlab.EndpointOptions{Bridge: netlab.SwitchBridge, Addresses: []string{[]string{"10.0.0.1/24", "10.0.0.2/24"}[i]}}))(t)
		ends, switches = append(ends, e), append(switches, s)
	}
	if hosts, all := lab.Hosts(), lab.Switches(); len(hosts) != 0 || len(all) != 2 {
		t.Fatalf("the lab has %d hosts and %d switches, want 0 and 2", len(hosts), len(all))
	}
	a, b := netlab.Jack{Host: switches[0], Port: "w2"}, netlab.Jack{Host: switches[1], Port: "w1", Settings: []string{"vlan_mode=trunk"}}
	reach := func(want netlab.Reach) {
		t.Helper()
		table := netlab.Must(lab.Matrix(netlab.AllPairs(ends, func(_, _ *netlab.Endpoint) netlab.Reach { return want }), netlab.MatrixOptions{}))(t)
		if err := table.Err(); err != nil {
			t.Error(err)
		}
	}
	reach(netlab.Unreached)
	if err := lab.Wire(a, b); err != nil {
		t.Fatal(err)
	}
	reach(netlab.Reaches)
	if err := lab.Unwire(a, b); err != nil {
		t.Fatal(err)
	}
	reach(netlab.Unreached)
}
