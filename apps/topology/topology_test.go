package topology

import (
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
)

// TestFrames parses what was framed, and refuses what somebody else made of it.
func TestFrames(t *testing.T) {
	key, from := []byte("key"), intent.End{Host: "p1", Port: "eth1"}
	good := frame(key, from, flow.MACAddr{2}, 7)
	if got, ok := parse(key, good, 8); !ok || got != from {
		t.Fatalf("%v, %t", got, ok)
	}
	for _, test := range []struct {
		name  string
		key   string
		epoch uint64
	}{{"another key", "yek", 8}, {"too late", "key", 7 + goodFor + 1}, {"from the future", "key", 6}} {
		if _, ok := parse([]byte(test.key), good, test.epoch); ok {
			t.Errorf("%s: believed", test.name)
		}
	}
	for i := range good {
		bad := append([]byte{}, good...)
		bad[i] ^= 0x40
		if got, ok := parse(key, bad, 8); ok && got != from {
			t.Errorf("byte %d changed: believed to be of %v", i, got)
		}
		if _, ok := parse(key, good[:i], 8); ok && i < len(good)-2 {
			t.Errorf("cut after %d bytes: believed", i)
		}
	}
}

// TestFinder has two switches joined by a wire that is later cut, and a stranger who makes frames up.
func TestFinder(t *testing.T) {
	tables := intent.NewTables()
	ends := []intent.End{{Host: "p1", Port: "eth1"}, {Host: "p2", Port: "eth2"}}
	for i, end := range ends {
		tables.Switches.Put(intent.Switch{Name: end.Host, Up: true, Labels: true, Online: true})
		tables.SwitchPorts.Put(intent.SwitchPort{End: end, OFPort: uint32(i + 1), Up: true})
	}
	f, now, joined := newFinder(tables), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), true
	var strangers []byte
	second := func() {
		now = now.Add(time.Second)
		sent := map[string][]byte{}
		out := punt.NewOutbox(func(host string, o punt.Out) bool { sent[host] = o.Data; return true })
		f.Tick(now, out)
		if joined {
			f.Packet(&punt.Packet{Host: "p2", InPort: 2, At: now, Data: sent["p1"]}, out)
			f.Packet(&punt.Packet{Host: "p1", InPort: 1, At: now, Data: sent["p2"]}, out)
		}
		f.Packet(&punt.Packet{Host: "p2", InPort: 2, At: now, Data: strangers}, out)
	}
	strangers = frame([]byte("guessed"), intent.End{Host: "p3", Port: "eth9"}, flow.MACAddr{}, 1)
	second()
	if tables.Sightings.Len() != 2 {
		t.Fatalf("%d sightings, want one of each by the other", tables.Sightings.Len())
	}
	joined = false
	for range 4 {
		second()
	}
	if tables.Sightings.Len() != 2 {
		t.Error("forgotten too early")
	}
	second()
	if tables.Sightings.Len() != 0 {
		t.Error("what is not seen any more is not forgotten")
	}
}
