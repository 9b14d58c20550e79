package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrTruncated is returned for bytes that end before they should.
var ErrTruncated = errors.New("truncated")

// UnknownOXMError is returned for a field that this package does not know.
type UnknownOXMError struct {
	Header       uint32 // class, field and length
	Experimenter uint32 // with class 0xffff
}

func (e *UnknownOXMError) Error() string {
	if e.Header>>16 == classExperimenter {
		return fmt.Sprintf("unknown match field %#08x of experimenter %#08x", e.Header, e.Experimenter)
	}
	return fmt.Sprintf("unknown match field %#08x", e.Header)
}

// oxm is the head of one TLV.
type oxm struct {
	id     FieldID
	size   int // of the value
	masked bool
}

// ParseMatch reads OXM TLVs. Prerequisites are not checked: what a switch reports is taken as it is.
func ParseMatch(b []byte) (Match, error) {
	var m Match
	for len(b) > 0 {
		f, rest, err := parseField(b)
		if err != nil {
			return nil, err
		}
		m, b = append(m, f), rest
	}
	return m, nil
}

// parseField reads one TLV.
func parseField(b []byte) (Field, []byte, error) {
	h, rest, err := parseHeader(b)
	if err != nil {
		return Field{}, nil, err
	}
	n := h.size
	if h.masked {
		n *= 2
	}
	if len(rest) < n {
		return Field{}, nil, fmt.Errorf("match %s: %w", h.id, ErrTruncated)
	}
	f := Field{ID: h.id, Value: bitsOf(rest[:h.size]), Mask: h.id.fit(8 * h.size)}
	if h.masked {
		f.Mask = bitsOf(rest[h.size:n])
		f.Mask = f.Mask.And(h.id.all())
	}
	if !f.Value.within(f.Mask) {
		return Field{}, nil, fieldError(h.id, ErrRange)
	}
	return f, rest[n:], nil
}

// parseHeader reads the head of a TLV.
func parseHeader(b []byte) (oxm, []byte, error) {
	if len(b) < 4 {
		return oxm{}, nil, fmt.Errorf("match field: %w", ErrTruncated)
	}
	head := binary.BigEndian.Uint32(b)
	b = b[4:]
	size := int(head & 0xff)
	var experimenter uint32
	if head>>16 == classExperimenter {
		if len(b) < 4 || size < 4 {
			return oxm{}, nil, fmt.Errorf("match field: %w", ErrTruncated)
		}
		experimenter = binary.BigEndian.Uint32(b)
		b, size = b[4:], size-4
	}
	h := oxm{id: lookup(uint16(head>>16), uint8(head>>9&0x7f), experimenter), size: size, masked: head&0x100 != 0}
	if h.masked {
		h.size /= 2
	}
	if !h.fits(size) {
		return oxm{}, nil, &UnknownOXMError{head, experimenter}
	}
	return h, b, nil
}

// fits says whether the length on the wire is that of the field.
func (h oxm) fits(size int) bool {
	switch {
	case h.id == 0 || h.masked && size%2 != 0:
		return false
	case h.id.isTunMetadata():
		return h.size > 0 && h.size <= 16
	}
	return h.size == h.id.Bytes()
}

// lookup finds a field by what the wire calls it, under any of its names; 0 for an unknown one.
func lookup(class uint16, field uint8, experimenter uint32) FieldID {
	if class == classExperimenter {
		switch {
		case experimenter == experimenterONF && field == 42:
			return TCPFlags
		case experimenter == experimenterONF && field == 43:
			return ActsetOutput
		}
		return 0
	}
	switch class {
	case classBasic:
		return at(basicFields[:], field)
	case classNXM1:
		return at(niciraFields[:], field)
	case classNXM0:
		return at(nxmFields[:], field)
	case classPacketRegs:
		if field < 8 {
			return XReg0 + FieldID(field)
		}
	case classEricsson:
		return at(ericssonFields[:], field)
	}
	return 0
}

func at(fields []FieldID, i uint8) FieldID {
	if int(i) < len(fields) {
		return fields[i]
	}
	return 0
}

// The fields of each class. They are never written.
var (
	basicFields    = byClass(classBasic)
	niciraFields   = withOlder(byClass(classNXM1), niciraOlder[:])
	nxmFields      = withOlder(byClass(classNXM0), nxmOlder[:])
	ericssonFields = byClass(classEricsson)
)

func byClass(class uint16) (list [128]FieldID) {
	for id := FieldID(1); id < fieldEnd; id++ {
		if r := id.info(); r.class == class {
			list[r.field] = id
		}
	}
	return list
}

// older is another name, from before OpenFlow 1.2, for a field of the same width.
type older struct {
	field uint8
	id    FieldID
}

var (
	nxmOlder = [...]older{
		{1, EthDst}, {2, EthSrc}, {3, EthType}, {6, IPProto}, {7, IPv4Src}, {8, IPv4Dst}, {9, TCPSrc}, {10, TCPDst},
		{11, UDPSrc}, {12, UDPDst}, {13, ICMPv4Type}, {14, ICMPv4Code}, {15, ARPOp}, {16, ARPSPA}, {17, ARPTPA},
	}
	niciraOlder = [...]older{
		{16, TunID}, {17, ARPSHA}, {18, ARPTHA}, {19, IPv6Src}, {20, IPv6Dst}, {21, ICMPv6Type}, {22, ICMPv6Code},
		{23, NDTarget}, {24, NDSLL}, {25, NDTLL}, {27, IPv6Label}, {28, IPECN}, {34, TCPFlags},
	}
)

func withOlder(list [128]FieldID, more []older) [128]FieldID {
	for _, o := range more {
		list[o.field] = o.id
	}
	return list
}

// nxmName is the name by which Open vSwitch's own actions call a field.
type nxmName struct {
	class uint16
	field uint8
}

// nxmNames are the fields' names in Open vSwitch's own actions: the older one, where there is one.
var nxmNames = func() (names [fieldEnd]nxmName) {
	for id := FieldID(1); id < fieldEnd; id++ {
		names[id] = nxmName{id.info().class, id.info().field}
	}
	for _, o := range nxmOlder {
		names[o.id] = nxmName{classNXM0, o.field}
	}
	for _, o := range niciraOlder {
		names[o.id] = nxmName{classNXM1, o.field}
	}
	return names
}()

// appendNXM writes a field's name in Open vSwitch's own actions; size is that of value and mask.
func (id FieldID) appendNXM(b []byte, flag uint8, size int) []byte {
	n := nxmNames[id]
	return appendOXM(b, n.class, n.field|flag, id.info().experimenter, size)
}
