package nat

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

const (
	// flushes is how often a host is told to forget connections, a second apart: what it does with a connection that it has seen
	// before may be as before for a moment, and bring back what was forgotten.
	flushes = 3
	// eachPort is how many ports of a range are told one by one. Of longer ranges, what is between the two addresses is forgotten,
	// whatever the port: each order has a host look at all of its connections.
	eachPort = 64
)

// keeper ends connections when what translates them is no more. What hosts may have connections of is in rows, which outlive
// restarts, so that a host which was away, or a controller that was, does not make them outlive what they belong to.
type keeper struct {
	*intent.Tables
	changed map[intent.Translation]struct{}
	ends    map[string]*ends // by host
}

// ends are translations of a host whose connections are to end.
type ends struct {
	of   map[intent.Translation]*ending
	next time.Time // when to look again
}

// ending is how far the end of a translation's connections has come.
type ending struct {
	times int
	next  time.Time
}

func newKeeper(t *intent.Tables) *keeper {
	k := &keeper{Tables: t, changed: map[intent.Translation]struct{}{}, ends: map[string]*ends{}}
	t.Translations.Watch(func(of intent.Translation) { k.changed[of] = struct{}{} })
	t.Remembered.Watch(func(of intent.Translation) { k.changed[of] = struct{}{} })
	return k
}

// Keep implements compile.Keeper.
func (k *keeper) Keep(now time.Time, s compile.Switches) (wrote, waits bool) {
	for of := range k.changed {
		wrote = k.look(of, now) || wrote
	}
	clear(k.changed) // of what was written itself, too
	for host, all := range k.ends {
		_, there := k.HostFacts.Peek(host)
		switch {
		case !there:
			for of := range all.of {
				wrote = k.Remembered.Delete(of) || wrote
			}
			delete(k.ends, host)
		case now.Before(all.next):
		case !s.InStep(host):
			waits = true
		default:
			wrote = k.end(host, all, now, s) || wrote
		}
	}
	return wrote, waits
}

// look notes what is translated, and whose connections are to end.
func (k *keeper) look(of intent.Translation, now time.Time) (wrote bool) {
	is, wanted := k.Translations.Peek(of)
	was, known := k.Remembered.Peek(of)
	all := k.ends[of.Host]
	if wanted || !known {
		if all != nil {
			if delete(all.of, of); len(all.of) == 0 {
				delete(k.ends, of.Host)
			}
		}
		return wanted && k.Remembered.Put(intent.Translated{Translation: of, Ending: is.Ending})
	}
	if _, there := k.HostFacts.Peek(of.Host); !there {
		return k.Remembered.Delete(of)
	}
	way := k.way(was)
	if way.Change == intent.Keep {
		return k.Remembered.Delete(of)
	}
	if all == nil {
		all = &ends{of: map[intent.Translation]*ending{}}
		k.ends[of.Host] = all
	}
	if all.of[of] == nil {
		all.of[of] = &ending{}
	}
	if way.Change == intent.Drain {
		if was.Until == 0 {
			was.Until = now.Unix() + int64(way.Within)
			wrote = k.Remembered.Put(was)
		}
		all.of[of].next = time.Unix(was.Until, 0)
	}
	all.next = time.Time{}
	return wrote
}

// end has a host that is in step forget what is due.
func (k *keeper) end(host string, all *ends, now time.Time, s compile.Switches) (wrote bool) {
	all.next = now.Add(time.Hour)
	for of, e := range all.of {
		if !now.Before(e.next) {
			if e.times >= k.often(of) {
				delete(all.of, of)
				wrote = k.Remembered.Delete(of) || wrote
				continue
			}
			e.next = now.Add(time.Second)
			if untrack(host, of, s) {
				e.times++
			}
		}
		if e.next.Before(all.next) {
			all.next = e.next
		}
	}
	if len(all.of) == 0 {
		delete(k.ends, host)
	}
	return wrote
}

// often is how often a host is told of a translation. Of an address that is on another host now, and stood for many here, it is told once: the
// address may begin connections with others that are still here, which look like those that are to end.
func (k *keeper) often(of intent.Translation) int {
	g, _ := k.Gateways.Peek(of.Router)
	e, is := k.Externals.Peek(intent.ExternalKey{Network: g.Network, IP: of.External})
	if is && e.Host != of.Host && !of.Internal.IsSingleIP() {
		return 1
	}
	return flushes
}

// untrack tells a host what to forget, and says whether it was told all.
func untrack(host string, of intent.Translation, s compile.Switches) bool {
	for _, c := range connections(of) {
		if !s.Untrack(host, c) {
			return false
		}
	}
	return true
}

// way says how connections end: as the one who translated them says now, or said last.
func (k *keeper) way(was intent.Translated) intent.Ending {
	if !k.survive(was.Translation) {
		return intent.Ending{}
	}
	switch was.Of.Kind {
	case intent.KindFloatingIP:
		if f, ok := k.FloatingIPs.Peek(was.Of); ok {
			return f.Ending
		}
	case intent.KindPortForwarding:
		if f, ok := k.PortForwardings.Peek(was.Of); ok {
			return f.Ending
		}
	case intent.KindNATRule:
		if n, ok := k.NATRules.Peek(was.Of); ok {
			return n.Ending
		}
	case intent.KindRouter:
		if g, ok := k.Gateways.Peek(was.Of); ok {
			return g.Ending
		}
	}
	return was.Ending
}

// survive tells whether connections can go on without what translated them: packets of both directions still come to where they
// are remembered. That is the gateway's host, while the router has the address.
func (k *keeper) survive(of intent.Translation) bool {
	if of.Of == (intent.Key{}) {
		return false // the address itself is gone, or the zone
	}
	_, has := k.Translations.Peek(intent.Translation{Router: of.Router, Host: of.Host, Zone: of.Zone, External: of.External})
	p, _ := k.Placed.Peek(of.Router)
	g, ok := k.Gateways.Peek(of.Router)
	if !has || !ok || p.Host != of.Host {
		return false
	}
	return looksUp(g, of.External.Is4())
}

// looksUp tells whether all that leaves by a gateway passes through the router's zone.
func looksUp(g intent.Gateway, is4 bool) bool {
	_, translates := g.Translates(is4)
	return translates || g.Ending.Change != intent.Cut
}

// connections are those that a translation made.
func connections(of intent.Translation) []compile.Connections {
	c := compile.Connections{Zone: of.Zone, Protocol: of.Protocol}
	in, out := c, c
	in.Orig.Dst, out.Reply.Dst = of.External, of.External
	if of.Internal.IsValid() && of.Internal.IsSingleIP() {
		in.Reply.Src, out.Orig.Src = of.Internal.Addr(), of.Internal.Addr()
	}
	switch all := of.Of == (intent.Key{}); {
	case !of.External.IsValid():
		return []compile.Connections{c}
	case all, of.Inward && of.Outward:
		return []compile.Connections{in, out}
	case of.Outward:
		return []compile.Connections{out}
	}
	n := int(of.Ports.Last) - int(of.Ports.First) + 1
	if of.Ports == (intent.PortRange{}) || n > eachPort {
		return []compile.Connections{in}
	}
	var each []compile.Connections
	for i := range uint16(n) {
		in.Orig.DstPort, in.Reply.SrcPort = of.Ports.First+i, of.To.First+i
		each = append(each, in)
	}
	return each
}

// translating says that a host translates for the router from now on.
func (a app) translating(o outside, t intent.Translation, e intent.Ending, out *compile.Out) {
	t.Router, t.Zone = o.Router, o.Zone
	compile.Emit(out, a.Translations, intent.Translating{Translation: t, Ending: e})
}

// tracked says that a host has an external address, and so tracks connections of it in the router's zone.
func (a app) tracked(o outside, e intent.External, out *compile.Out) {
	a.translating(o, intent.Translation{Host: e.Host}, intent.Ending{}, out)
	a.translating(o, intent.Translation{Host: e.Host, External: e.IP}, intent.Ending{}, out)
}

// ruleTranslation is what a rule with connections does.
func ruleTranslation(n intent.NATRule, host string) intent.Translation {
	return intent.Translation{
		Of: n.Key, Host: host, External: n.External.Addr(), Internal: n.Internal, Outward: n.Source, Inward: n.Target,
		Protocol: n.Protocol, Ports: n.Ports, To: n.To, More: fmt.Sprint(n.Priority, n.Outside, n.Exempted),
	}
}

// whole is an address as a block.
func whole(ip netip.Addr) netip.Prefix { return netip.PrefixFrom(ip, ip.BitLen()) }
