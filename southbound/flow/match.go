package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// Match is what a flow matches: the fields in any order. A field without mask bits matches everything.
type Match []Field

// Errors in matches. Others say more in their text.
var (
	ErrDuplicate    = errors.New("matched twice")
	ErrRange        = errors.New("value does not fit")
	ErrMask         = errors.New("single bits cannot be matched")
	ErrPrerequisite = errors.New("prerequisite missing")
	ErrUnknownField = errors.New("unknown field")
)

// Ethernet types and IP protocols that fields presuppose.
const (
	ethIPv4  = 0x0800
	ethARP   = 0x0806
	ethRARP  = 0x8035
	ethIPv6  = 0x86dd
	ethMPLS  = 0x8847
	ethMPLSM = 0x8848

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	ndSolicit = 135
	ndAdvert  = 136

	vlanPresent = 0x1000
)

// maxFields bounds a match; it is more than there are fields.
const maxFields = 160

// AppendMatch appends the canonical OXM form of a match, without the ofp_match header and its padding.
//
// What fields presuppose is added where it is certain: eth_type for an IPv4 address, ip_proto and eth_type for an ICMP
// type, but not eth_type for a TCP port. On error b is returned as it was. AppendMatch allocates only to grow b.
func AppendMatch(b []byte, m Match) ([]byte, error) {
	var s matchSet
	for i := range m {
		if m[i].ID.isView() {
			return appendViews(b, m)
		}
		if err := s.add(&m[i], i); err != nil {
			return b, err
		}
	}
	if s.ids == [2]uint64{} {
		return b, nil
	}
	if err := s.complete(m); err != nil {
		return b, err
	}
	for w, word := range s.ids {
		for ; word != 0; word &= word - 1 {
			id := FieldID(w<<6 + bits.TrailingZeros64(word))
			at := s.at[id]
			if at == 0 {
				b = s.appendImplied(b, id)
				continue
			}
			f := &m[at-1]
			if r := &wire[id]; r.head != 0 && f.Mask == r.all {
				b = f.appendShort(b, r.head)
			} else if id == TunFlags {
				b = appendMasked(b, f) // Open vSwitch keeps more flags than it lets be matched
			} else {
				b = appendField(b, f)
			}
		}
	}
	return b, nil
}

// appendImplied writes a field that others presuppose.
func (s *matchSet) appendImplied(b []byte, id FieldID) []byte {
	f := Field{Value: Bits{Lo: uint64(s.implied(id))}}
	if id == VLANVID {
		f = Masked(VLANVID, vlanPresent, vlanPresent)
		return appendMasked(b, &f)
	}
	return f.appendShort(b, wire[id].head)
}

// matchSet says which fields a match has and where.
type matchSet struct {
	ids   [2]uint64  // a bit per field, those implied included
	at    [128]uint8 // position in the match, from 1; 0 for implied fields
	needs uint32     // a bit per need

	ethType  uint16 // implied
	proto    uint8
	icmpType uint8
}

func (s *matchSet) has(id FieldID) bool { return s.ids[id>>6&1]>>(id&63)&1 != 0 }

func (s *matchSet) imply(id FieldID) { s.ids[id>>6&1] |= 1 << (id & 63) }

func (s *matchSet) implied(id FieldID) uint32 {
	switch id {
	case EthType:
		return uint32(s.ethType)
	case IPProto:
		return uint32(s.proto)
	case ICMPv6Type:
		return uint32(s.icmpType)
	}
	return 0
}

// add takes in the field at position i, which is no view.
func (s *matchSet) add(f *Field, i int) error {
	id, r := f.ID, &wire[f.ID]
	if f.Mask != r.all || !f.Value.within(r.all) || r.size == 0 {
		if err := f.check(); err != nil {
			return err
		}
		if f.Mask == (Bits{}) {
			return nil
		}
	}
	if s.has(id) || i >= maxFields {
		return fieldError(id, ErrDuplicate)
	}
	s.imply(id)
	s.at[id] = uint8(i + 1)
	s.needs |= 1 << r.need
	return nil
}

// check holds a field against its row.
func (f *Field) check() error {
	r := &wire[f.ID]
	switch {
	case r.size == 0:
		return errUnknownID(f.ID)
	case !f.Value.within(f.Mask), !f.Mask.within(r.all):
		return fieldError(f.ID, ErrRange)
	case f.Mask != r.all && !bool(r.masks) && !f.Mask.IsZero():
		return fieldError(f.ID, ErrMask)
	}
	return nil
}

// appendField writes one OXM TLV of a checked field.
func appendField(b []byte, f *Field) []byte {
	if !f.Exact() {
		return appendMasked(b, f)
	}
	r, size := f.ID.info(), f.size()
	return f.Value.append(appendOXM(b, r.class, r.field, r.experimenter, size), size)
}

func appendMasked(b []byte, f *Field) []byte {
	r, size := f.ID.info(), f.size()
	return f.Mask.append(f.Value.append(appendOXM(b, r.class, r.field|hasMask, r.experimenter, 2*size), size), size)
}

// hasMask makes a field's number, which has 7 bits, say that a mask follows.
const hasMask = 0x80

// appendOXM writes the 4 or 8 bytes before a value; size is that of value and mask.
func appendOXM(b []byte, class uint16, field uint8, experimenter uint32, size int) []byte {
	head := uint32(class)<<16 | uint32(field&^hasMask)<<9 | uint32(field&hasMask)<<1
	if class != classExperimenter {
		return binary.BigEndian.AppendUint32(b, head|uint32(size))
	}
	b = binary.BigEndian.AppendUint32(b, head|uint32(size+4))
	return binary.BigEndian.AppendUint32(b, experimenter)
}

// complete adds what the fields presuppose and fails where that contradicts what is there or is not certain.
func (s *matchSet) complete(m Match) error {
	if s.needs&^(1<<needNothing|1<<needCT) == 0 {
		return nil
	}
	if err := s.completeND(m); err != nil {
		return err
	}
	if err := s.completeProto(m); err != nil {
		return err
	}
	return s.completeEthType(m)
}

func (s *matchSet) need(n need) bool { return s.needs>>n&1 != 0 }

func (s *matchSet) value(m Match, id FieldID) uint64 {
	if at := s.at[id]; at != 0 {
		return m[at-1].Value.Lo
	}
	return uint64(s.implied(id))
}

// completeND: neighbour discovery fields presuppose the type and code of the message.
func (s *matchSet) completeND(m Match) error {
	solicit, advert := s.need(needNDSolicit), s.need(needNDAdvert)
	if !solicit && !advert && !s.need(needND) {
		return nil
	}
	if solicit && advert {
		return fieldError(NDTLL, ErrPrerequisite)
	}
	if !s.has(ICMPv6Type) {
		switch {
		case solicit:
			s.icmpType = ndSolicit
		case advert:
			s.icmpType = ndAdvert
		default:
			return fieldError(NDTarget, ErrPrerequisite)
		}
		s.imply(ICMPv6Type)
	}
	s.imply(ICMPv6Code)
	s.needs |= 1 << needICMPv6
	typ := s.value(m, ICMPv6Type)
	if s.value(m, ICMPv6Code) != 0 || typ != ndSolicit && typ != ndAdvert {
		return fieldError(ICMPv6Type, ErrPrerequisite)
	}
	if solicit && typ != ndSolicit {
		return fieldError(NDSLL, ErrPrerequisite)
	}
	if advert && typ != ndAdvert {
		return fieldError(NDTLL, ErrPrerequisite)
	}
	return nil
}

// completeProto: fields of a transport protocol presuppose ip_proto, and ICMP an Ethernet type as well.
func (s *matchSet) completeProto(m Match) error {
	if s.needs&(1<<needTCP|1<<needUDP|1<<needSCTP|1<<needICMPv4|1<<needICMPv6) == 0 {
		return nil
	}
	var proto uint8
	count := 0
	for _, p := range [...]struct {
		need  need
		proto uint8
		more  need
	}{
		{needTCP, protoTCP, needIP},
		{needUDP, protoUDP, needIP},
		{needSCTP, protoSCTP, needIP},
		{needICMPv4, protoICMP, needIPv4},
		{needICMPv6, protoICMPv6, needIPv6},
	} {
		if s.need(p.need) {
			proto = p.proto
			s.needs |= 1 << p.more
			count++
		}
	}
	switch {
	case count > 1:
		return fieldError(IPProto, ErrPrerequisite)
	case !s.has(IPProto):
		s.proto = proto
		s.imply(IPProto)
	case s.value(m, IPProto) != uint64(proto):
		return fieldError(IPProto, ErrPrerequisite)
	}
	return nil
}

// completeEthType: everything above Ethernet presupposes eth_type, or a packet_type that says the same.
func (s *matchSet) completeEthType(m Match) error {
	if s.need(needVLAN) {
		if !s.has(VLANVID) {
			s.imply(VLANVID)
		} else if v := m[s.at[VLANVID]-1]; v.Value.Lo&vlanPresent == 0 {
			return fieldError(VLANPCP, ErrPrerequisite)
		}
	}
	wants := s.needs & (1<<needIPv4 | 1<<needIPv6 | 1<<needIP | 1<<needARP | 1<<needMPLS)
	if wants == 0 {
		return nil
	}
	if s.has(EthType) {
		return agree(wants, uint16(s.value(m, EthType)))
	}
	if at := s.at[PacketType]; at != 0 && m[at-1].Value.Lo>>16 == 1 {
		return agree(wants, uint16(m[at-1].Value.Lo))
	}
	switch {
	case s.need(needIPv4):
		s.ethType = ethIPv4
	case s.need(needIPv6):
		s.ethType = ethIPv6
	case s.need(needARP):
		s.ethType = ethARP
	case s.need(needMPLS):
		s.ethType = ethMPLS
	default:
		return fieldError(EthType, ErrPrerequisite)
	}
	s.imply(EthType)
	return agree(wants, s.ethType)
}

// agree says whether an Ethernet type is what all fields presuppose.
func agree(wants uint32, ethType uint16) error {
	var gives uint32
	switch ethType {
	case ethIPv4:
		gives = 1<<needIPv4 | 1<<needIP
	case ethIPv6:
		gives = 1<<needIPv6 | 1<<needIP
	case ethARP, ethRARP:
		gives = 1 << needARP
	case ethMPLS, ethMPLSM:
		gives = 1 << needMPLS
	}
	if wants&^gives != 0 {
		return fieldError(EthType, ErrPrerequisite)
	}
	return nil
}

//go:noinline
func fieldError(id FieldID, why error) error { return fmt.Errorf("match %s: %w", id, why) }

//go:noinline
func errUnknownID(id FieldID) error {
	return fmt.Errorf("match field %d: %w", uint8(id), ErrUnknownField)
}
