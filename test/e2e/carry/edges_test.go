package carry_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// popping has h2 choose where the transport label of frames for it comes off, and both models of time to live, and change its mind
// under a ping without a loss.
func (k *core) popping(t *testing.T) {
	k.route(goesBefore)
	for _, test := range []struct{ spec, ttls string }{
		{"penultimateHopPopping: true", "64"},
		// Three switches have counted.
		{"penultimateHopPopping: true, ttlModel: uniform", "61"},
		{"", "61 64"},
	} {
		ping := netlab.Must(k.red[0].StartPing(k.red[1].IPv4().String(), netlab.PingOptions{Interval: 10 * time.Millisecond}))(t)
		k.Apply(fmt.Sprintf("kind: Host\nname: h2\nspec: {%s}\n", test.spec))
		k.Eventually(patience, "h2 with "+test.spec, func() error {
			seen := k.seen("p3", "w-h2")
			if len(seen) == 0 {
				return errors.New("no echo request has passed")
			}
			labels, ttls := seen[0]["mpls.label"], strings.Join(seen[0]["mpls.ttl"], " ")
			if ttls != test.ttls || labels[len(labels)-1] != "600001" {
				return fmt.Errorf("labels %v with times to live %s, want %s", labels, ttls, test.ttls)
			}
			return nil
		})
		k.some() // until nothing goes by the old path any more
		if result := ping.Stop(); result.Lost() > 0 {
			t.Errorf("while h2 came to %q: %v", test.spec, result)
		}
		if back := k.seen("p1", "w-h1"); len(back) == 0 || len(back[0]["mpls.label"]) != 2 {
			t.Errorf("from h1: %v, want two labels", back)
		}
		if test.spec != "" {
			k.Talk(k.red)
			k.strangers(t)
		}
	}
}

// strangers has h2 drop, where it does not know which host sent a frame, what is of no port elsewhere on the network all the same.
func (k *core) strangers(t *testing.T) {
	send, label := k.inject(t)
	for _, test := range []struct {
		name, src string
		label     uint32
		counter   string
	}{
		{"an address of nobody", "fa:16:3e:99:99:99", 600001, "foreign-source-mac"},
		{"its own port's address", k.red[1].MAC().String(), 600001, "foreign-source-mac"},
		{"a label of no network", k.red[0].MAC().String(), 700000, "unknown-label"},
	} {
		capture := netlab.Must(k.red[1].Capture("ether proto 0x88b5"))(t)
		before := k.drops("h2", test.counter)
		send(e2e.Experimental(e2e.MAC(test.src), k.red[1].MAC(), []byte("popped by "+test.name)), entry(label, 0, 64), entry(test.label, 1, 64))
		k.Eventually(patience, test.name+" is dropped", func() error {
			if now := k.drops("h2", test.counter); now <= before {
				return fmt.Errorf("h2 has dropped %d as %s, as before", now, test.counter)
			}
			return nil
		})
		if got := netlab.Must(capture.Stop())(t); len(got) > 0 {
			t.Errorf("%s: %d frames arrived", test.name, len(got))
		}
	}
}

// drops is how many frames a host has dropped for a reason.
func (k *core) drops(host, reason string) uint64 {
	return k.Get("host/" + host).GetStatus().GetHost().GetDrops()[reason]
}

// forged sends LLDP frames on both wires to the edge that say that those are one link: made up, and recorded and sent again. The
// controller believes none of them.
func (k *core) forged(t *testing.T) {
	const shortcut = "kind: Link\nname: shortcut\nspec: {a: {host: p1, port: w-h1}, b: {host: p3, port: w-h2}, adminStateUp: false}\n"
	k.Apply(shortcut) // which is not used, and whose status says whether anything like it was seen
	wires := []struct{ host, port, at string }{{"h1", "w-p1", "p1"}, {"h2", "w-p3", "p3"}}
	frames := make([][]byte, len(wires))
	for i, w := range wires {
		frames[i] = k.oldLLDP(w.host, w.port)
	}
	// Frames end with our own TLV (32 bytes with its head, the last 16 of them the seal), and an end of two bytes.
	const ownTLV, end = 32, 2
	for _, test := range []struct {
		name  string
		forge func([]byte) []byte
	}{
		{"recorded", func(b []byte) []byte { return b }},
		{"of a later second", func(b []byte) []byte { b[len(b)-end-16-1] += 8; return b }},
		{"with another seal", func(b []byte) []byte { b[len(b)-end-1] ^= 1; return b }},
		{"without a seal", func(b []byte) []byte { return append(b[:len(b)-end-ownTLV], 0, 0) }},
	} {
		for i, w := range wires {
			other := wires[1-i]
			before := k.refused(w.at)
			k.out(w.host, w.port, test.forge(bytes.Clone(frames[1-i])))
			k.Eventually(patience, fmt.Sprintf("%s refuses an LLDP frame of %s that is %s", w.at, other.at, test.name), func() error {
				if now := k.refused(w.at); now <= before {
					return fmt.Errorf("%s has refused %v, as before", w.at, now)
				}
				return nil
			})
		}
		if k.Get("link/shortcut").GetStatus().GetLink().GetDiscovered() {
			t.Errorf("%s: a link was found", test.name)
		}
	}
	for _, l := range []string{"link/p1-p2", "link/p2-p3"} {
		if !k.Get(l).GetStatus().GetLink().GetDiscovered() {
			t.Errorf("%s is there, and was not found", l)
		}
	}
	k.Delete(client.DeleteOptions{}, "link/shortcut")
}

// oldLLDP records an LLDP frame that a host was sent, and returns it when it is too old to be believed.
func (k *core) oldLLDP(host, port string) []byte {
	k.T.Helper()
	capture := netlab.Must(k.Host(host).Capture(port, "ether proto 0x88cc"))(k.T)
	const secondsLater = 5
	k.Eventually(patience, "LLDP frames come to "+host, func() error {
		if n := len(capture.Received()); n <= secondsLater {
			return fmt.Errorf("%d have come", n)
		}
		return nil
	})
	first := capture.Received()[0].Data
	k.Do(capture.Close())
	return first
}

// refused is how many packets of a switch the controller has not believed.
func (k *core) refused(host string) float64 {
	return k.Metrics().Sum("weft_packet_ins_dropped_total", "host", host)
}

// restart kills weftd and starts it again under a ping: the paths are where they were and have the labels that they had, no flow of
// a host or of the core is touched, and no packet is lost.
func (k *core) restart(t *testing.T) {
	k.route(goesBefore)
	before := k.flows()
	ping := netlab.Must(k.red[0].StartPing(k.red[1].IPv4().String(), netlab.PingOptions{Interval: 10 * time.Millisecond}))(t)
	k.Do(k.Weftd.Kill())
	k.Restart()
	for name := range k.switches {
		k.Eventually(patience, name+" is in step again", func() error {
			if state := k.Get("host/" + name).GetStatus().GetHost().GetOpenflow(); state != weftv1.HostStatus_CONNECTION_SYNCED {
				return fmt.Errorf("it is %v", state)
			}
			return nil
		})
	}
	// Longer than links are believed in that are not seen.
	result := netlab.Must(k.red[0].Ping(k.red[1].IPv6().String(), netlab.PingOptions{Count: 600, Interval: 10 * time.Millisecond}))(t)
	if result.Lost() > 0 {
		t.Errorf("after the restart: %v", result)
	}
	if result := ping.Stop(); result.Lost() > 0 {
		t.Errorf("during the restart: %v", result)
	}
	k.route(goesBefore)
	if changed := difference(before, k.flows()); changed != "" {
		t.Errorf("flows or ports changed:\n%s", changed)
	}
	m := k.Metrics()
	for _, name := range []string{"weft_flows_added_total", "weft_flows_removed_total"} {
		if n := m.Sum(name); n != 0 || !m.Has(name) {
			t.Errorf("%s is %v (there: %t) after a restart in which nothing changed", name, n, m.Has(name))
		}
	}
}

// flows are those of the hosts and of the core.
func (k *core) flows() []string {
	k.T.Helper()
	all := dumps(k.Cloud)
	for name, s := range k.switches {
		for _, flow := range netlab.Must(s.DumpFlows(netlab.SwitchBridge))(k.T) {
			all = append(all, name+": "+flow)
		}
	}
	slices.Sort(all)
	return all
}
