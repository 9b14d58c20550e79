package sim

import (
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// output sends a copy of the packet out of a port, or of those that a reserved number stands for.
func (x *run) output(p *packet, port uint32) {
	in := uint32(p.lo(flow.InPort))
	switch port {
	case flow.PortInPort:
		x.send(p, in)
		return
	case flow.PortFlood, flow.PortAll:
		for _, o := range x.s.sortedPorts() {
			if o.Number != in && o.Number != flow.PortLocal {
				x.send(p, o.Number)
			}
		}
		return
	case flow.PortController:
		x.controller(p, nil, &sending{maxLen: 0xffff, reason: 1})
		return
	case flow.PortNormal, flow.PortTable:
		x.fail(notModelled("output to NORMAL or TABLE"))
		return
	case in:
		x.dropped("output to the port that it came in by")
		return
	}
	x.send(p, port)
}

func (x *run) send(p *packet, number uint32) {
	port, ok := x.s.ports[number]
	switch {
	case p.bare:
		x.dropped("output of a packet without an Ethernet header")
		return
	case !ok:
		x.dropped("output to a port that is not there")
		return
	case port.Down:
		x.dropped("output to a port that is down")
		return
	}
	out := Output{Port: number, Frame: append([]byte(nil), p.frame...)}
	if port.Tunnel.Type != "" {
		out.Tunnel = x.encap(p, port.Tunnel)
		if !out.Tunnel.Dst.IsValid() {
			x.dropped("output to a tunnel without remote address")
			return
		}
	}
	x.res.Outputs = append(x.res.Outputs, out)
}

// encap says what the tunnel header of a packet will be.
func (x *run) encap(p *packet, t Tunnel) Encap {
	e := Encap{Type: t.Type, ID: p.lo(flow.TunID), Src: x.s.cfg.TunnelIP, Dst: t.Remote}
	if t.Fixed {
		e.ID = t.Key
	}
	if t.Type == "gre" {
		e.ID &= 0xffffffff
	} else {
		e.ID &= 0xffffff
	}
	if e.Dst.IsValid() {
		return e
	}
	var b [16]byte
	if v := p.vals[flow.TunDst]; v != (flow.Bits{}) {
		put(b[:4], v)
		e.Dst = netip.AddrFrom4([4]byte(b[:4]))
	} else if v := p.vals[flow.TunIPv6Dst]; v != (flow.Bits{}) {
		put(b[:], v)
		e.Dst = netip.AddrFrom16(b)
	}
	return e
}

// group hands the packet to a group. Each bucket works on the packet as it came: what it changes is gone after it.
func (x *run) group(p *packet, id uint32, by *rule, depth int) {
	g := x.s.groups[id]
	if depth > maxDepth {
		x.fail(ErrLoop)
		return
	}
	if g == nil {
		x.dropped("group that is not there")
		return
	}
	do := func(b *bucket) { x.do(p.clone(), b.do, by, depth+1) }
	switch g.Type {
	case flow.All, flow.Indirect:
		for i := range g.buckets {
			do(&g.buckets[i])
		}
		return
	case flow.Select:
		if b := x.choose(g, p); b != nil {
			do(b)
			return
		}
	case flow.FastFailover:
		for i := range g.buckets {
			if b := &g.buckets[i]; x.alive(b, 0) {
				do(b)
				return
			}
		}
	}
	x.dropped("group without a live bucket")
}

// choose picks a bucket by weight and by a hash of addresses and ports, so that a connection stays with its bucket. Which one it
// is differs from Open vSwitch's choice.
func (x *run) choose(g *group, p *packet) *bucket {
	total := uint64(0)
	for i := range g.buckets {
		if x.usable(&g.buckets[i]) {
			total += uint64(g.buckets[i].weight)
		}
	}
	if total == 0 {
		return nil
	}
	h := uint64(1)
	for _, id := range [...]flow.FieldID{
		flow.EthSrc, flow.EthDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPProto,
		flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.SCTPSrc, flow.SCTPDst,
	} {
		h = mix(mix(h, p.vals[id].Lo), p.vals[id].Hi)
	}
	at := h % total
	for i := range g.buckets {
		b := &g.buckets[i]
		if !x.usable(b) {
			continue
		}
		if w := uint64(b.weight); at >= w {
			at -= w
		} else {
			return b
		}
	}
	return nil
}

// linkOf picks the number of a link by a hash of the fields that the action names: the same for both directions of a flow. Which one
// it is differs from Open vSwitch's choice.
func linkOf(p *packet, a *step) uint64 {
	h := uint64(a.table)
	for _, id := range hashed[flow.HashFields(a.n)] {
		v := p.vals[id]
		h += mix(mix(1, v.Lo), v.Hi) // a sum, which does not ask for the order
	}
	return mix(1, h) % uint64(a.n2)
}

// usable is alive for a bucket that may watch nothing.
func (x *run) usable(b *bucket) bool { return !b.watches() || x.alive(b, 0) }

func (b *bucket) watches() bool {
	return b.watchPort != 0 && b.watchPort != flow.PortAny || b.watchGroup != 0 && b.watchGroup != anyGroup
}

// alive says whether the port or the group that a bucket watches is up. A bucket that watches nothing is not alive.
func (x *run) alive(b *bucket, depth int) bool {
	if p, ok := x.s.ports[b.watchPort]; ok && !p.Down {
		return true
	}
	g := x.s.groups[b.watchGroup]
	if g == nil || depth > maxDepth {
		return false
	}
	for i := range g.buckets {
		if x.alive(&g.buckets[i], depth+1) {
			return true
		}
	}
	return false
}
