package pipeline

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Point is a place in the pipeline where apps of other people have tables: directly before one of its own.
type Point uint8

// The points.
const (
	BeforePortSecurity Point = PortSecurity
	BeforeArrived      Point = Arrived
	BeforeSent         Point = Sent
	BeforeResolve      Point = Resolve
	BeforeL2           Point = L2
	BeforeDeliver      Point = Deliver
)

// Points are all of them in the order that frames pass them, and what passes there.
var Points = []struct {
	Point Point
	Doc   string
}{
	{BeforePortSecurity, "what ports of this host send, as they send it"},
	{BeforeArrived, "what other hosts and physical networks send"},
	{BeforeSent, "what ports of this host send, with addresses that are their own"},
	{BeforeResolve, "what policies of the sender have let through"},
	{BeforeL2, "what is about to be sent to where it belongs"},
	{BeforeDeliver, "what is about to be handed to a port of this host"},
}

// is tells whether there is such a point.
func (p Point) is() bool {
	for _, known := range Points {
		if known.Point == p {
			return true
		}
	}
	return false
}

// String is what the point is called: "before l2".
func (p Point) String() string { return "before " + TableName(uint8(p)) }

// room returns the numbers of the tables that there may be at a point: those that no table of the pipeline has.
func (p Point) room() (first, last uint8) {
	for _, t := range Tables {
		if t.ID < uint8(p) {
			first = max(first, t.ID+1)
		}
	}
	return first, uint8(p) - 1
}

// What is in a frame, and what tables at points may write of it.
var (
	frameFields = fields(flow.InPort, flow.Reg0, flow.EthSrc, flow.EthDst, flow.EthType, flow.VLANVID, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst,
		flow.IPDSCP, flow.IPTTL, flow.IPFrag, flow.TCPSrc, flow.TCPDst, flow.TCPFlags, flow.UDPSrc, flow.UDPDst, flow.SCTPSrc, flow.SCTPDst, flow.ICMPv4Type, flow.ICMPv4Code,
		arpFields, ndFields)
	frameWrites = fields(flow.Reg13, flow.EthSrc, flow.EthDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPDSCP, flow.IPTTL,
		flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst)
)

// Plan is which tables there are at points. The zero Plan has none.
type Plan struct {
	tables []Table
	next   map[[2]uint8]uint8 // by where a frame is and the point: the table at the point that it goes to
	first  map[uint8]uint8    // by point
}

// Add puts a table of an app at a point, after those that are there, and returns its number. Frames that no flow of it matches go
// on; flows have them go on with flow.Goto of the table that the point is before.
func (p *Plan) Add(app, name, doc string, at Point) (uint8, error) {
	if !at.is() {
		return 0, fmt.Errorf("app %s: table %s: there is no point before table %d", app, name, uint8(at))
	}
	for _, t := range slices.Concat(Tables, p.tables) {
		if t.Name == name {
			return 0, fmt.Errorf("app %s: table %s: app %s has a table of that name", app, name, t.Apps[0])
		}
	}
	first, last := at.room()
	id, before := first, uint8(0)
	for _, t := range p.tables {
		if t.ID >= first && t.ID <= last {
			id, before = t.ID+1, t.ID
		}
	}
	if id > last {
		return 0, fmt.Errorf("app %s: table %s: there is room for %d tables %s, and all of it is taken", app, name, last-first+1, at)
	}
	if p.next == nil {
		p.next, p.first = map[[2]uint8]uint8{}, map[uint8]uint8{}
	}
	if before == 0 {
		p.first[uint8(at)] = id
	} else {
		p.next[[2]uint8{before, uint8(at)}] = id
	}
	p.next[[2]uint8{id, uint8(at)}] = uint8(at)
	p.tables = append(p.tables, Table{
		ID: id, Name: name, Doc: doc, Match: frameFields, Set: frameWrites, Next: []uint8{uint8(at), ToController}, Miss: Miss{Goto: uint8(at)},
		Apps: []string{app, "base"},
	})
	return id, nil
}

// Tables returns the tables at points.
func (p *Plan) Tables() []Table { return slices.Clone(p.tables) }

// TableName is TableName, for tables at points too.
func (p *Plan) TableName(id uint8) string {
	for _, t := range p.tables {
		if t.ID == id {
			return t.Name
		}
	}
	return TableName(id)
}

// Redirect returns the table to which a goto in one table leads that names another: where that has a point with tables before it,
// the next one of those.
func (p *Plan) Redirect(from, to uint8) uint8 {
	if next, ok := p.next[[2]uint8{from, to}]; ok {
		return next
	}
	if first, ok := p.first[to]; ok {
		return first
	}
	return to
}
