package openflow

import "github.com/weft-sdn/weft/southbound/flow"

// PortReason says what happened to a port.
type PortReason uint8

// Reasons of port status messages.
const (
	PortAdded PortReason = iota
	PortDeleted
	PortModified
)

// Bits of Port.Config and Port.State.
const (
	PortConfigDown     uint32 = 1 << 0
	PortConfigNoRecv   uint32 = 1 << 2
	PortConfigNoFwd    uint32 = 1 << 5
	PortConfigNoPacket uint32 = 1 << 6
	PortStateLinkDown  uint32 = 1 << 0
	PortStateBlocked   uint32 = 1 << 1
	PortStateLive      uint32 = 1 << 2
)

// Port describes a port of a switch.
type Port struct {
	Number                               uint32
	MAC                                  flow.MACAddr
	Name                                 string
	Config, State                        uint32
	Current, Advertised, Supported, Peer uint32 // link features
	Speed, MaxSpeed                      uint32 // kilobits per second
}

func appendPort(b []byte, p *Port) []byte {
	b = zeros(be.AppendUint32(b, p.Number), 4)
	b = zeros(append(b, p.MAC[:]...), 2)
	b = appendText(b, p.Name, 16)
	for _, v := range [...]uint32{p.Config, p.State, p.Current, p.Advertised, p.Supported, p.Peer, p.Speed, p.MaxSpeed} {
		b = be.AppendUint32(b, v)
	}
	return b
}

func (r *reader) port() Port {
	p := Port{Number: r.u32()}
	r.skip(4)
	copy(p.MAC[:], r.take(6))
	r.skip(2)
	p.Name = r.text(16)
	for _, v := range [...]*uint32{&p.Config, &p.State, &p.Current, &p.Advertised, &p.Supported, &p.Peer, &p.Speed, &p.MaxSpeed} {
		*v = r.u32()
	}
	return p
}

// PortStatus says that a port came, went or changed.
type PortStatus struct {
	Reason PortReason
	Port   Port
}

// AppendPortStatus appends a port status.
func AppendPortStatus(b []byte, xid uint32, s *PortStatus) []byte {
	start := len(b)
	b = zeros(append(begin(b, TypePortStatus, xid), byte(s.Reason)), 7)
	return end(appendPort(b, &s.Port), start)
}

// ParsePortStatus reads a port status.
func ParsePortStatus(m Message) (PortStatus, error) {
	r := read(m, TypePortStatus)
	s := PortStatus{Reason: PortReason(r.u8())}
	r.skip(7)
	s.Port = r.port()
	return s, r.err()
}

// PortMod changes a port.
type PortMod struct {
	Port         uint32
	MAC          flow.MACAddr
	Config, Mask uint32 // the bits of Config that are in Mask
	Advertise    uint32
}

// AppendPortMod appends a port-mod.
func AppendPortMod(b []byte, xid uint32, p PortMod) []byte {
	start := len(b)
	b = zeros(be.AppendUint32(begin(b, TypePortMod, xid), p.Port), 4)
	b = zeros(append(b, p.MAC[:]...), 2)
	b = be.AppendUint32(be.AppendUint32(b, p.Config), p.Mask)
	return end(zeros(be.AppendUint32(b, p.Advertise), 4), start)
}

// ParsePortMod reads a port-mod.
func ParsePortMod(m Message) (PortMod, error) {
	r := read(m, TypePortMod)
	p := PortMod{Port: r.u32()}
	r.skip(4)
	copy(p.MAC[:], r.take(6))
	r.skip(2)
	p.Config, p.Mask, p.Advertise = r.u32(), r.u32(), r.u32()
	r.skip(4)
	return p, r.err()
}
