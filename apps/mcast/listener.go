package mcast

import (
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	// queryEvery and answerWithin are the timers of RFC 3376, sections 8.2 and 8.3.
	queryEvery   = 125 * time.Second
	answerWithin = 10 * time.Second
	robustness   = 2

	// unansweredMost is how many queries a port may leave unanswered. Queries that did not get out, as when the host is not
	// connected, are not held against it: nobody loses multicast because the controller cannot ask.
	unansweredMost = robustness

	lookEvery = 5 * time.Second

	maxPerPort    = 64   // groups and sources that a port may ask for
	maxPerNetwork = 1024 // groups that there may be on a network
	maxForwarded  = 256  // ports to which a router's question about one group is taken
)

// early is how long after the controller, or the network's first port on a host, has come the ports are asked. Sooner than later: what
// they said meanwhile was not heard.
var early = [...]time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second}

// listener follows what ports ask for. What it has found out is in rows, which are remembered; what it keeps itself is when to
// ask again, and who has not answered.
type listener struct {
	*intent.Tables
	queries    [][]byte
	asked      map[intent.Site]*asked
	unanswered map[intent.Member]int
	others     map[family]time.Time // when another querier asked
	looked     time.Time            // when it was last seen whom to ask
	swept      time.Time            // when members without a place were last counted
}

// asked is when the ports of a network on a host are asked.
type asked struct {
	first time.Time
	early int // how many of the early queries have been sent
	next  time.Time
}

// family is IPv4 or IPv6 on a network.
type family struct {
	network intent.Key
	four    bool
}

func newListener(t *intent.Tables) *listener {
	return &listener{Tables: t, queries: queries(), asked: map[intent.Site]*asked{}, unanswered: map[intent.Member]int{}, others: map[family]time.Time{}}
}

// Packet implements punt.Handler.
func (l *listener) Packet(p *punt.Packet, out *punt.Outbox) {
	m, ok := parse(p.Data)
	if !ok {
		return
	}
	var r table.Reader // what handlers read is nobody's to remember
	for b := range l.BoundAt.List(&r, intent.Place{Host: p.Host, OFPort: p.InPort}) {
		if m.query {
			l.query(b, m, p, out)
			return
		}
		for _, record := range m.records {
			l.report(b, record, out)
		}
		return
	}
}

// query takes a port that asks for a multicast router. What it asks about one group goes to those that listen to that: what it
// asks everybody, the flows have taken to everybody.
func (l *listener) query(b intent.Binding, m message, p *punt.Packet, out *punt.Outbox) {
	if m.from.IsUnspecified() {
		return
	}
	l.put(intent.Member{Port: b.Port}, out)
	if !m.group.IsValid() {
		if m.toAll && m.within <= answerWithin {
			l.others[family{b.Network, m.from.Is4()}] = p.At
		}
		return
	}
	if !m.from.Is4() {
		return // MLD's queries are told from reports by the flows, and go where the group does
	}
	var r table.Reader
	sent := 0
	for _, host := range l.HeardOn.List(&r, intent.GroupOf{Network: b.Network, Group: m.group}) {
		at := intent.GroupAt{Site: intent.Site{Network: b.Network, Host: host}, Group: m.group}
		for _, shard := range l.HeardAt.List(&r, at) {
			for to := range l.ListenersIn.List(&r, intent.Heard{Shard: intent.Shard{Site: at.Site, Number: shard}, Group: m.group}) {
				if sent == maxForwarded {
					return
				}
				if to.Port != b.Port {
					out.Send(host, punt.Out{InPort: flow.PortController, Data: p.Data, Actions: pipeline.DeliverTo(to.OFPort)})
					sent++
				}
			}
		}
	}
}

// report takes over what a port says of one group: of itself only, as another port's listening is that port's to end.
func (l *listener) report(b intent.Binding, r record, out *punt.Outbox) {
	if !r.group.IsMulticast() || link4.Contains(r.group) || link6.Contains(r.group) {
		return // these go everywhere
	}
	any := intent.Member{Port: b.Port, Group: r.group}
	_, toAny := l.Members.Peek(any)
	switch r.kind {
	case isExclude, toExclude:
		// From all but some: the port gets what it does not want from these, and drops it.
		l.forget(any, func(m intent.Member) bool { return m.Source.IsValid() })
		l.put(any, out)
	case toInclude:
		wanted := map[netip.Addr]bool{}
		for _, s := range r.sources {
			wanted[s] = true
		}
		l.forget(any, func(m intent.Member) bool { return !wanted[m.Source] })
		l.allow(any, r.sources, out)
	case isInclude, allow:
		if r.kind == isInclude && toAny {
			l.forget(any, func(m intent.Member) bool { return !m.Source.IsValid() })
			toAny = false
		}
		if !toAny {
			l.allow(any, r.sources, out)
		}
	case block:
		if !toAny {
			for _, s := range r.sources {
				l.forget(any, func(m intent.Member) bool { return m.Source == s })
			}
		}
	}
}

func (l *listener) allow(m intent.Member, sources []netip.Addr, out *punt.Outbox) {
	for _, s := range sources {
		m.Source = s
		l.put(m, out)
	}
}

// put adds a member, or hears from it again.
func (l *listener) put(m intent.Member, out *punt.Outbox) {
	if _, known := l.Members.Peek(m); !known && !l.room(m) {
		out.Refuse()
		return
	}
	delete(l.unanswered, m)
	l.Members.Put(m)
}

func (l *listener) room(m intent.Member) bool {
	var r table.Reader
	if l.MembersOf.Count(&r, m.Port) >= maxPerPort {
		return false
	}
	b, ok := l.Bindings.Peek(m.Port)
	if !ok {
		return false
	}
	_, known := l.Groups.Peek(intent.GroupOf{Network: b.Network, Group: m.Group})
	return known || l.GroupsOn.Count(&r, b.Network) < maxPerNetwork
}

// forget ends a port's listening to a group, as far as it is to end.
func (l *listener) forget(of intent.Member, ends func(intent.Member) bool) {
	var r table.Reader
	var gone []intent.Member
	for m := range l.MembersOf.List(&r, of.Port) {
		if m.Group == of.Group && ends(m) {
			gone = append(gone, m)
		}
	}
	l.removeAll(gone)
}

func (l *listener) removeAll(gone []intent.Member) {
	for _, m := range gone {
		l.remove(m)
	}
}

func (l *listener) remove(m intent.Member) {
	l.Members.Delete(m)
	delete(l.unanswered, m)
}

// Tick implements punt.Handler: it asks the ports of each network on each host when it is time.
func (l *listener) Tick(now time.Time, out *punt.Outbox) {
	if now.Sub(l.looked) < lookEvery {
		return
	}
	l.looked = now
	if l.swept.IsZero() {
		l.swept = now
	}
	if now.Sub(l.swept) >= queryEvery {
		l.swept = now
		l.sweep()
	}
	for s := range l.Sites.Scan() {
		if n, ok := l.Networks.Peek(s.Network); ok && n.Snoop {
			l.ask(n, s, now, out)
		}
	}
	for s := range l.asked {
		if _, ok := l.Sites.Peek(s); !ok {
			delete(l.asked, s)
		}
	}
	for f, at := range l.others {
		if now.Sub(at) > queryEvery+answerWithin {
			delete(l.others, f)
		}
	}
}

func (l *listener) ask(n intent.Network, s intent.Site, now time.Time, out *punt.Outbox) {
	a := l.asked[s]
	if a == nil {
		a = &asked{first: now, next: now.Add(queryEvery)}
		l.asked[s] = a
	}
	switch {
	case a.early < len(early) && now.Sub(a.first) >= early[a.early]:
		a.early++
		l.send(n, s, out)
	case !now.Before(a.next):
		a.next = now.Add(queryEvery)
		l.age(s, l.send(n, s, out))
	}
}

// send sends queries to the ports of a network on a host, and tells whether they were asked, be it by somebody else.
func (l *listener) send(n intent.Network, s intent.Site, out *punt.Outbox) bool {
	do := flow.Actions{pipeline.Net.Set(uint64(n.Tag))}
	var r table.Reader
	for _, shard := range l.ShardsAt.List(&r, s) {
		do = append(do, pipeline.Shard.Set(uint64(shard)), flow.Resubmit(pipeline.FloodLocal))
	}
	sent := true
	for i, frame := range l.queries {
		if _, other := l.others[family{n.Key, i == 0}]; !other {
			sent = out.Send(s.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: do}) && sent
		}
	}
	return sent
}

// age counts a query that the ports of a network on a host have been sent, and ends what nobody has answered for.
func (l *listener) age(s intent.Site, reached bool) {
	if !reached {
		return
	}
	var r table.Reader
	var gone []intent.Member
	for _, shard := range l.ShardsAt.List(&r, s) {
		for b := range l.BoundIn.List(&r, intent.Shard{Site: s, Number: shard}) {
			for m := range l.MembersOf.List(&r, b.Port) {
				if l.unanswered[m]++; l.unanswered[m] > unansweredMost {
					gone = append(gone, m)
				}
			}
		}
	}
	l.removeAll(gone)
}

// sweep ends the listening of ports that are plugged nowhere, after as long as that of ports that do not answer.
func (l *listener) sweep() {
	var gone []intent.Member
	for m := range l.Members.Scan() {
		if _, bound := l.Bindings.Peek(m.Port); bound {
			continue
		}
		if l.unanswered[m]++; l.unanswered[m] > unansweredMost {
			gone = append(gone, m)
		}
	}
	l.removeAll(gone)
}
