package dhcp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
)

// TestAdvertisesByItself counts what the ports of networks are told that nobody asked for: at once, and then in intervals that differ from network to
// network, within what RFC 4861 allows; nothing where there is nothing to say.
func TestAdvertisesByItself(t *testing.T) {
	s := &server{Tables: intent.NewTables()}
	told := map[string][]time.Time{}
	now := time.Unix(1_000_000, 0)
	out := punt.NewOutbox(func(host string, o punt.Out) bool { told[host] = append(told[host], now); return true })
	for i, block := range []string{"2001:db8:1::/64", "2001:db8:2::/64", "10.0.0.0/24"} {
		name, host := []string{"a", "b", "c"}[i], []string{"h1", "h2", "h3"}[i]
		network := intent.Key{Kind: intent.KindNetwork, Project: "red", Name: name}
		site := intent.Site{Network: network, Host: host}
		s.Networks.Put(intent.Network{Key: network, Tag: uint32(i + 1), MTU: 1450})
		s.Subnets.Put(intent.Subnet{Key: intent.Key{Kind: intent.KindSubnet, Project: "red", Name: name}, Network: network, Prefix: netip.MustParsePrefix(block), Told: true, Mode: intent.SLAAC})
		s.Sites.Put(site)
		s.Shards.Put(intent.Shard{Site: site})
		s.Bindings.Put(intent.Binding{Port: intent.Key{Kind: intent.KindPort, Project: "red", Name: name}, Network: network, Host: host, OFPort: 1})
	}
	const hours = 10
	for range hours * 3600 {
		s.Tick(now, out)
		now = now.Add(time.Second)
	}
	if len(told["h3"]) != 0 {
		t.Errorf("a network of IPv4 alone is advertised %d times", len(told["h3"]))
	}
	for _, host := range []string{"h1", "h2"} {
		if n := len(told[host]); n < hours*3600/int(mostInterval/time.Second) || n > 1+hours*3600/int(leastInterval/time.Second) {
			t.Fatalf("%s is told %d times in %d hours", host, n, hours)
		}
		for i, at := range told[host][1:] {
			if gap := at.Sub(told[host][i]); gap < leastInterval || gap > mostInterval+lookEvery {
				t.Errorf("%s is told after %v", host, gap)
			}
		}
	}
	if told["h1"][1].Equal(told["h2"][1]) {
		t.Error("all networks are advertised at the same time")
	}
}
