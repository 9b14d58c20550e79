package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var be = binary.BigEndian

// Version13 is OpenFlow 1.3, the version that this package speaks.
const Version13 uint8 = 4

// HeaderSize is the length of the header of every message.
const HeaderSize = 8

// MaxMessage is the longest message that the protocol can carry.
const MaxMessage = 0xffff

// Experimenters.
const (
	ExperimenterNicira uint32 = 0x00002320
	ExperimenterONF    uint32 = 0x4f4e4600
)

// Errors in messages. What they wrap says more.
var (
	ErrTruncated = errors.New("message is too short")
	ErrLength    = errors.New("length is wrong")
	ErrType      = errors.New("message is of another type")
)

// Type is the type of a message (OpenFlow 1.3, section 7.1).
type Type uint8

// Types of messages.
const (
	TypeHello Type = iota
	TypeError
	TypeEchoRequest
	TypeEchoReply
	TypeExperimenter
	TypeFeaturesRequest
	TypeFeaturesReply
	TypeGetConfigRequest
	TypeGetConfigReply
	TypeSetConfig
	TypePacketIn
	TypeFlowRemoved
	TypePortStatus
	TypePacketOut
	TypeFlowMod
	TypeGroupMod
	TypePortMod
	TypeTableMod
	TypeMultipartRequest
	TypeMultipartReply
	TypeBarrierRequest
	TypeBarrierReply
	TypeQueueGetConfigRequest
	TypeQueueGetConfigReply
	TypeRoleRequest
	TypeRoleReply
	TypeGetAsyncRequest
	TypeGetAsyncReply
	TypeSetAsync
	TypeMeterMod
)

var typeNames = [...]string{
	"hello", "error", "echo request", "echo reply", "experimenter", "features request", "features reply",
	"get config request", "get config reply", "set config", "packet-in", "flow removed", "port status", "packet-out",
	"flow-mod", "group-mod", "port-mod", "table-mod", "multipart request", "multipart reply", "barrier request",
	"barrier reply", "queue get config request", "queue get config reply", "role request", "role reply",
	"get async request", "get async reply", "set async", "meter-mod",
}

// String returns the type's name.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("message type %d", uint8(t))
}

// Header begins every message. Its length is that of the message.
type Header struct {
	Version uint8
	Type    Type
	XID     uint32
}

// Message is a message whose body has not been looked at. Body is a part of the buffer that it was read from.
type Message struct {
	Header
	Body []byte
}

// Next takes the first message off a buffer. It returns ErrTruncated when the buffer does not hold all of it yet.
func Next(b []byte) (m Message, rest []byte, err error) {
	n, err := Length(b)
	if err != nil {
		return Message{}, b, err
	}
	if len(b) < n {
		return Message{}, b, ErrTruncated
	}
	return Message{Header{b[0], Type(b[1]), be.Uint32(b[4:])}, b[HeaderSize:n]}, b[n:], nil
}

// Length returns how long the message is that begins a buffer.
func Length(b []byte) (int, error) {
	if len(b) < HeaderSize {
		return 0, ErrTruncated
	}
	n := int(be.Uint16(b[2:]))
	if n < HeaderSize {
		return 0, fmt.Errorf("%w: %s of %d bytes", ErrLength, Type(b[1]), n)
	}
	return n, nil
}

// begin writes a header; end writes the length into it.
func begin(b []byte, t Type, xid uint32) []byte {
	return be.AppendUint32(append(b, Version13, byte(t), 0, 0), xid)
}

// end closes the message that began at start. What does not fit in 16 bits cannot be sent; the callers bound their parts
// before, so the length is right.
func end(b []byte, start int) []byte {
	be.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// AppendEmpty appends a message without a body: a features, barrier, get-config or get-async request, a barrier reply.
func AppendEmpty(b []byte, t Type, xid uint32) []byte {
	return append(b, Version13, byte(t), 0, HeaderSize, byte(xid>>24), byte(xid>>16), byte(xid>>8), byte(xid))
}

// AppendEcho appends an echo request, or the reply that gives data back.
func AppendEcho(b []byte, t Type, xid uint32, data []byte) []byte {
	start := len(b)
	return end(append(begin(b, t, xid), data[:min(len(data), MaxMessage-HeaderSize)]...), start)
}

// Append appends the message as it is.
func (m Message) Append(b []byte) []byte {
	start := len(b)
	b = append(b, m.Version, byte(m.Type), 0, 0)
	return end(append(be.AppendUint32(b, m.XID), m.Body[:min(len(m.Body), MaxMessage-HeaderSize)]...), start)
}

// beginExperimenter writes the 16 bytes before an experimenter message's body.
func beginExperimenter(b []byte, xid, experimenter, subtype uint32) []byte {
	return be.AppendUint32(be.AppendUint32(begin(b, TypeExperimenter, xid), experimenter), subtype)
}

// Experimenter is the body of an experimenter message.
type Experimenter struct {
	ID, Subtype uint32
	Body        []byte
}

// ParseExperimenter reads an experimenter message.
func ParseExperimenter(m Message) (Experimenter, error) {
	r := read(m, TypeExperimenter)
	e := Experimenter{ID: r.u32(), Subtype: r.u32()}
	e.Body = r.rest()
	return e, r.err()
}

// reader takes a message apart. The first failure sticks, and what is read after it is zero.
type reader struct {
	b      []byte
	of     Type
	reason error
}

func read(m Message, want ...Type) reader {
	for _, t := range want {
		if m.Type == t {
			return reader{b: m.Body, of: t}
		}
	}
	return reader{of: want[0], reason: fmt.Errorf("%w: %s", ErrType, m.Type)}
}

var nothing [64]byte

func (r *reader) take(n int) []byte {
	if n > len(r.b) || n < 0 {
		r.fail(ErrTruncated)
		if n < 0 || n > len(nothing) {
			return nil
		}
		return nothing[:n:n]
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) fail(err error) {
	if r.reason == nil {
		r.reason = err
	}
	r.b = nil
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return be.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return be.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return be.Uint64(r.take(8)) }
func (r *reader) skip(n int)  { r.take(n) }

func (r *reader) rest() []byte {
	p := r.b
	r.b = nil
	return p
}

// part takes n bytes off as a reader of their own.
func (r *reader) part(n int) reader { return reader{b: r.take(n), of: r.of, reason: r.reason} }

// text reads a string of fixed length, padded with zeros.
func (r *reader) text(n int) string {
	p := r.take(n)
	for i, c := range p {
		if c == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}

func (r *reader) err() error {
	if r.reason == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", r.of, r.reason)
}

// zeros appends up to 64 zero bytes.
func zeros(b []byte, n int) []byte { return append(b, nothing[:n]...) }

// pad8 fills up to a multiple of 8 bytes from start.
func pad8(b []byte, start int) []byte { return zeros(b, -(len(b)-start)&7) }

// appendText appends a string of fixed length, padded with zeros and with at least one at its end.
func appendText(b []byte, s string, n int) []byte {
	s = s[:min(len(s), n-1)]
	for b = append(b, s...); n > len(s); n-- {
		b = append(b, 0)
	}
	return b
}

// bytesLike are the forms in which matches and instructions come.
type bytesLike interface{ ~[]byte | ~string }

// appendMatch appends an ofp_match with OXM TLVs, padded.
func appendMatch[B bytesLike](b []byte, oxm B) []byte {
	start := len(b)
	b = be.AppendUint32(b, 1<<16|uint32(4+len(oxm)))
	return pad8(append(b, oxm...), start)
}

// match reads an ofp_match and returns the TLVs.
func (r *reader) match() []byte {
	typ, n := r.u16(), int(r.u16())
	if r.reason == nil && (typ != 1 || n < 4) {
		r.fail(fmt.Errorf("%w: match of type %d and %d bytes", ErrLength, typ, n))
		return nil
	}
	p := r.take(n - 4)
	r.skip(-n & 7)
	return p
}
