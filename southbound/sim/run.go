package sim

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Result is what became of a packet.
type Result struct {
	Outputs   []Output
	PacketIns []PacketIn
	Trace     []Step
	Drops     []string // why copies of the packet, or all of it, went nowhere
	Err       error    // ErrLoop, ErrNotModelled where a flow met a packet for which it is, or what Open vSwitch does not survive
}

// Output is a frame that left the switch.
type Output struct {
	Port   uint32
	Frame  []byte
	Tunnel Encap // of a tunnel port
}

// Encap is what a tunnel header says.
type Encap struct {
	Type     string
	ID       uint64
	Src, Dst netip.Addr
}

// PacketIn is a frame that was sent to the controller.
type PacketIn struct {
	Reason   uint8
	Table    uint8
	Cookie   uint64
	MaxLen   uint16
	InPort   uint32
	UserData string
	Frame    []byte
	Fields   []flow.Field // the metadata that a controller is told: in_port, registers, the tunnel
}

// Step is a lookup: the flow that was found, or none.
type Step struct {
	Table uint8
	Found bool
	Flow  flow.Flow
}

// Bounds on one packet, as Open vSwitch has them.
const (
	maxDepth     = 64
	maxResubmits = 4096
)

// Inject lets a frame in by a port.
func (s *Switch) Inject(inPort uint32, frame []byte) Result {
	return s.InjectFrom(inPort, frame, Encap{})
}

// InjectFrom lets a frame in by a tunnel port.
func (s *Switch) InjectFrom(inPort uint32, frame []byte, from Encap) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := newPacket(inPort, frame)
	p.is(flow.TunID, from.ID)
	if from.Src.Is4() {
		p.vals[flow.TunSrc], p.vals[flow.TunDst] = number(from.Src.AsSlice()), number(from.Dst.AsSlice())
	} else if from.Src.Is6() {
		p.vals[flow.TunIPv6Src], p.vals[flow.TunIPv6Dst] = number(from.Src.AsSlice()), number(from.Dst.AsSlice())
	}
	x := &run{s: s}
	x.lookup(p, 0, 0)
	x.finish()
	s.tellPacketIns(x.res.PacketIns)
	return x.res
}

func newPacket(inPort uint32, frame []byte) *packet {
	p := &packet{frame: append(make([]byte, 0, len(frame)+vlanHead), frame...)}
	p.is(flow.InPort, uint64(inPort))
	p.parse()
	return p
}

// Execute does actions to a frame, as a packet-out does.
func (s *Switch) Execute(inPort uint32, do flow.Actions, frame []byte) Result {
	b, err := flow.AppendInstructions(nil, do)
	if err != nil {
		return Result{Err: err}
	}
	steps, err := program(b)
	if err != nil {
		return Result{Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.execute(inPort, steps, frame)
}

func (s *Switch) execute(inPort uint32, steps []step, frame []byte) Result {
	x := &run{s: s}
	x.do(newPacket(inPort, frame), steps, nil, 0)
	x.finish()
	s.tellPacketIns(x.res.PacketIns)
	return x.res
}

// run carries one packet through the tables.
type run struct {
	s         *Switch
	res       Result
	resubmits int
	exit      bool
	later     []later
}

// later is a packet that goes on in a table after connection tracking.
type later struct {
	p     *packet
	table uint8
}

// finish goes on with what connection tracking handed back.
func (x *run) finish() {
	for len(x.later) > 0 && x.res.Err == nil {
		next := x.later[0]
		x.later = x.later[1:]
		x.exit = false
		x.lookup(next.p, next.table, 0)
	}
	if len(x.res.Outputs)+len(x.res.PacketIns)+len(x.res.Drops) == 0 {
		x.dropped("no output")
	}
}

func (x *run) dropped(why string) { x.res.Drops = append(x.res.Drops, why) }

func (x *run) fail(err error) {
	if x.res.Err == nil {
		x.res.Err = err
	}
	x.exit = true
}

// lookup looks the packet up in a table and does what the flow says.
func (x *run) lookup(p *packet, table uint8, depth int) {
	if x.resubmits++; depth > maxDepth || x.resubmits > maxResubmits {
		x.fail(ErrLoop)
		return
	}
	t := x.s.table(table)
	var r *rule
	if t != nil {
		r = t.lookup(p)
	}
	if r == nil {
		x.res.Trace = append(x.res.Trace, Step{Table: table})
		return
	}
	x.res.Trace = append(x.res.Trace, Step{Table: table, Found: true, Flow: r.Flow})
	r.packets++
	r.bytes += uint64(len(p.frame))
	x.do(p, r.steps, r, depth)
}

// do carries out steps; by is the rule that they are of.
func (x *run) do(p *packet, steps []step, by *rule, depth int) {
	for i := range steps {
		if x.exit {
			return
		}
		if steps[i].op == opCheckLarger {
			x.checkLarger(p, &steps[i], steps[i+1:], by, depth)
			return
		}
		if !x.step(p, &steps[i], by, depth) {
			return
		}
	}
}

// step carries out one step; false: those after it are not done.
func (x *run) step(p *packet, a *step, by *rule, depth int) bool {
	switch a.op {
	case opOutput:
		x.output(p, a.n)
	case opOutputReg:
		port := uint32(p.part(a.src).Lo)
		if a.src.Len == 16 {
			port = port32(uint16(port))
		}
		x.output(p, port)
	case opSet:
		p.set(a.field.ID, a.field.Value, a.field.Mask)
	case opMove:
		p.setPart(a.dst, p.part(a.src))
	case opMultipath:
		p.setPart(a.dst, flow.Bits{Lo: linkOf(p, a)})
	case opResubmit:
		x.resubmit(p, a, depth)
	case opGoto:
		x.lookup(p, a.table, depth)
		return false
	case opGroup:
		x.group(p, a.n, by, depth)
	case opClone:
		exit := x.exit
		x.do(p.clone(), a.do, by, depth)
		x.exit = exit || x.res.Err != nil
	case opCT:
		x.track(p, a.ct)
	case opMeter:
		if m := x.s.meters[a.n]; m != nil && !m.pass(x.s.cfg.Now(), len(p.frame)) {
			x.dropped("meter")
			return false
		}
	case opDecTTL:
		return x.decTTL(p, by)
	case opController:
		x.controller(p, by, a.send)
	default:
		return x.stepMore(p, a)
	}
	return true
}

func (x *run) stepMore(p *packet, a *step) bool {
	switch a.op {
	case opPush:
		p.stack = append(p.stack, p.part(a.src))
	case opPop:
		if n := len(p.stack); n > 0 {
			v := p.stack[n-1]
			p.stack = p.stack[:n-1]
			p.setPart(a.dst, v)
		}
	case opPushVLAN:
		if err := p.pushVLAN(uint16(a.n)); err != nil {
			x.fail(err)
		}
	case opPopVLAN:
		p.popVLAN()
	case opPushMPLS, opPopMPLS, opSetMPLSTTL, opDecMPLSTTL, opEncap, opDecap:
		return x.label(p, a)
	case opCTClear:
		p.clearCT()
	case opExit:
		x.exit = true
	}
	return true
}

// checkLarger does what comes after a check_pkt_larger on a copy. Open vSwitch tries both outcomes there and goes back to where it
// was: a flow that resubmitted to this one sees nothing of what was changed since.
func (x *run) checkLarger(p *packet, a *step, rest []step, by *rule, depth int) {
	c := p.clone()
	larger := flow.Bits{}
	if len(p.frame) > int(a.n) {
		larger.Lo = 1
	}
	c.setPart(a.dst, larger)
	x.do(c, rest, by, depth)
}

func (x *run) resubmit(p *packet, a *step, depth int) {
	was := p.vals[flow.InPort]
	table := a.table
	if table == 0xff {
		table = x.res.Trace[len(x.res.Trace)-1].Table
	}
	if a.n == flow.PortInPort {
		x.lookup(p, table, depth+1)
		return
	}
	p.is(flow.InPort, uint64(a.n))
	x.lookup(p, table, depth+1)
	p.vals[flow.InPort] = was
}

func (x *run) decTTL(p *packet, by *rule) bool {
	if p.l3 == 0 || p.lo(flow.EthType) != ethIPv4 && p.lo(flow.EthType) != ethIPv6 {
		return true
	}
	ttl := p.lo(flow.IPTTL)
	if ttl > 1 {
		p.is(flow.IPTTL, ttl-1)
		p.store(flow.IPTTL)
		return true
	}
	x.controller(p, by, &sending{maxLen: 0xffff, reason: reasonTTL})
	x.dropped("ttl expired")
	return false
}

// reasonTTL is OFPR_INVALID_TTL.
const reasonTTL = 2

func (x *run) controller(p *packet, by *rule, how *sending) {
	if m := x.s.meters[how.meter]; m != nil && !m.pass(x.s.cfg.Now(), len(p.frame)) {
		return
	}
	in := PacketIn{Reason: how.reason, MaxLen: how.maxLen, UserData: how.userData, InPort: uint32(p.lo(flow.InPort)),
		Frame: append([]byte(nil), p.frame...)}
	if by != nil {
		in.Table, in.Cookie = by.Table, by.Cookie
	}
	for _, id := range [...]flow.FieldID{flow.InPort, flow.TunID, flow.TunSrc, flow.TunDst, flow.Metadata} {
		if v := p.vals[id]; v != (flow.Bits{}) {
			in.Fields = append(in.Fields, flow.Field{ID: id, Value: v, Mask: low(id.Bits())})
		}
	}
	for id := flow.Reg0; id <= flow.Reg15; id++ {
		if v := p.vals[id]; v != (flow.Bits{}) {
			in.Fields = append(in.Fields, flow.Field{ID: id, Value: v, Mask: low(32)})
		}
	}
	x.res.PacketIns = append(x.res.PacketIns, in)
}

func (x *run) track(p *packet, t *tracking) {
	zone := t.zone
	if t.zoneFrom.ID != 0 {
		zone = uint16(p.part(t.zoneFrom).Lo)
	}
	c := p.clone()
	if err := x.s.tracker.track(c, t, zone, func(c *packet) { x.do(c, t.exec, nil, 0) }); err != nil && x.res.Err == nil {
		x.res.Err = fmt.Errorf("switch %#x: %w", x.s.cfg.DatapathID, err)
	}
	if t.recirculate {
		x.later = append(x.later, later{c, t.table})
	}
	p.clearCT()
}
