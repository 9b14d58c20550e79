package openflow

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
)

//go:noinline
func errEntry(n int) error {
	return fmt.Errorf("%s: %w: entry of %d bytes", TypeMultipartReply, ErrLength, n)
}

// entry takes an entry off that begins with its own length.
func entry(body []byte, head int) (reader, []byte, error) {
	if len(body) < head {
		return reader{}, nil, errEntry(len(body))
	}
	n := int(be.Uint16(body))
	if n < head || n > len(body) {
		return reader{}, nil, errEntry(n)
	}
	return reader{b: body[2:n:n], of: TypeMultipartReply}, body[n:], nil
}

// AppendGroupDesc appends an entry of a group-desc reply.
func AppendGroupDesc(b []byte, g *flow.Group) []byte {
	b = be.AppendUint32(b, uint32(8+len(g.Buckets))<<16|uint32(g.Type)<<8)
	return append(be.AppendUint32(b, g.ID), g.Buckets...)
}

// NextGroupDesc takes an entry off a group-desc reply.
func NextGroupDesc(body []byte) (flow.Group, []byte, error) {
	r, rest, err := entry(body, 8)
	if err != nil {
		return flow.Group{}, nil, err
	}
	g := flow.Group{Type: flow.GroupType(r.u8())}
	r.skip(1)
	g.ID = r.u32()
	g.Buckets = string(r.rest())
	return g, rest, nil
}

// GroupFeatures says what groups a switch has. The arrays go by flow.GroupType.
type GroupFeatures struct {
	Types, Capabilities uint32
	MaxGroups, Actions  [4]uint32
}

// AppendGroupFeatures appends a reply to a group-features request.
func AppendGroupFeatures(b []byte, xid uint32, f *GroupFeatures) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartReply, xid, MultipartGroupFeatures)
	b = be.AppendUint32(be.AppendUint32(b, f.Types), f.Capabilities)
	for _, list := range [...][4]uint32{f.MaxGroups, f.Actions} {
		for _, v := range list {
			b = be.AppendUint32(b, v)
		}
	}
	return end(b, start)
}

// ParseGroupFeatures reads the body of a group-features reply.
func ParseGroupFeatures(body []byte) (GroupFeatures, error) {
	r := reader{b: body, of: TypeMultipartReply}
	f := GroupFeatures{Types: r.u32(), Capabilities: r.u32()}
	for _, list := range [...]*[4]uint32{&f.MaxGroups, &f.Actions} {
		for i := range list {
			list[i] = r.u32()
		}
	}
	return f, r.err()
}

// AppendMeterConfigRequest appends a request for the configuration of a meter, or of AllMeters.
func AppendMeterConfigRequest(b []byte, xid, meter uint32) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartRequest, xid, MultipartMeterConfig)
	return end(zeros(be.AppendUint32(b, meter), 4), start)
}

// ParseMeterConfigRequest reads the body of such a request.
func ParseMeterConfigRequest(body []byte) (meter uint32, err error) {
	r := reader{b: body, of: TypeMultipartRequest}
	meter = r.u32()
	return meter, r.err()
}

// AppendMeterConfig appends an entry of a meter-config reply.
func AppendMeterConfig(b []byte, m *flow.Meter) []byte {
	b = be.AppendUint32(b, uint32(8+len(m.Bands))<<16|uint32(m.Flags))
	return append(be.AppendUint32(b, m.ID), m.Bands...)
}

// NextMeterConfig takes an entry off a meter-config reply.
func NextMeterConfig(body []byte) (flow.Meter, []byte, error) {
	r, rest, err := entry(body, 8)
	if err != nil {
		return flow.Meter{}, nil, err
	}
	m := flow.Meter{Flags: flow.MeterFlags(r.u16()), ID: r.u32()}
	m.Bands = string(r.rest())
	return m, rest, nil
}

// MeterFeatures says what meters a switch has.
type MeterFeatures struct {
	MaxMeters, BandTypes, Capabilities uint32
	MaxBands, MaxColor                 uint8
}

// AppendMeterFeatures appends a reply to a meter-features request.
func AppendMeterFeatures(b []byte, xid uint32, f MeterFeatures) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartReply, xid, MultipartMeterFeatures)
	b = be.AppendUint32(be.AppendUint32(be.AppendUint32(b, f.MaxMeters), f.BandTypes), f.Capabilities)
	return end(append(b, f.MaxBands, f.MaxColor, 0, 0), start)
}

// ParseMeterFeatures reads the body of a meter-features reply.
func ParseMeterFeatures(body []byte) (MeterFeatures, error) {
	r := reader{b: body, of: TypeMultipartReply}
	f := MeterFeatures{MaxMeters: r.u32(), BandTypes: r.u32(), Capabilities: r.u32(), MaxBands: r.u8(), MaxColor: r.u8()}
	return f, r.err()
}
