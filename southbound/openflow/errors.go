package openflow

import "fmt"

// Types of errors (OpenFlow 1.3, section 7.4.4).
const (
	ErrorTypeHelloFailed    uint16 = 0
	ErrorTypeBadRequest     uint16 = 1
	ErrorTypeBadAction      uint16 = 2
	ErrorTypeBadInstruction uint16 = 3
	ErrorTypeBadMatch       uint16 = 4
	ErrorTypeFlowModFailed  uint16 = 5
	ErrorTypeGroupModFailed uint16 = 6
	ErrorTypePortModFailed  uint16 = 7
	ErrorTypeTableModFailed uint16 = 8
	ErrorTypeRoleFailed     uint16 = 11
	ErrorTypeMeterModFailed uint16 = 12
	ErrorTypeExperimenter   uint16 = 0xffff
)

// Codes that this project itself makes or asks for.
const (
	CodeIncompatible     uint16 = 0 // hello failed
	CodeBadVersion       uint16 = 0 // bad request
	CodeBadType          uint16 = 1 // bad request
	CodeBadMultipart     uint16 = 2 // bad request
	CodeBadExperimenter  uint16 = 3 // bad request
	CodeBadSubtype       uint16 = 4 // bad request
	CodeBadLength        uint16 = 6 // bad request
	CodeStale            uint16 = 0 // role request failed
	CodeBundleUnknown    uint16 = 2300
	CodeBundleBadID      uint16 = 2302
	CodeBundleExists     uint16 = 2303
	CodeBundleClosed     uint16 = 2304
	CodeBundleBadType    uint16 = 2306
	CodeBundleBadXID     uint16 = 2309
	CodeBundleBadMessage uint16 = 2310
	CodeBundleMsgFailed  uint16 = 2313
)

// Error is an error message. It is also a Go error.
type Error struct {
	XID          uint32 // of the message that caused it
	Type, Code   uint16 // Code is the experimenter's with Type ErrorTypeExperimenter
	Experimenter uint32
	Data         []byte // at least the first 64 bytes of the message that caused it, or a sentence in a hello-failed
}

// Name returns what ovs-ofctl calls the error.
func (e *Error) Name() string {
	if name := errorNames[errorKey{e.Experimenter, e.Type, e.Code}]; name != "" {
		return name
	}
	if e.Type == ErrorTypeExperimenter {
		return fmt.Sprintf("error %d of experimenter %#x", e.Code, e.Experimenter)
	}
	return fmt.Sprintf("error type %d code %d", e.Type, e.Code)
}

func (e *Error) Error() string {
	if e.Type == ErrorTypeHelloFailed && len(e.Data) > 0 {
		return fmt.Sprintf("switch refused: %s: %q", e.Name(), e.Data[:min(len(e.Data), 200)])
	}
	m, _, err := Next(e.Data)
	if err != nil && len(e.Data) >= HeaderSize {
		m.Type = Type(e.Data[1])
	} else if err != nil {
		return "switch refused: " + e.Name()
	}
	return fmt.Sprintf("switch refused a %s: %s", m.Type, e.Name())
}

// Is makes errors equal that have the same type, code and experimenter.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Type == e.Type && t.Code == e.Code && t.Experimenter == e.Experimenter
}

// AppendError appends an error message in a version of the protocol, which for a failed hello may be another than 1.3.
func AppendError(b []byte, version uint8, e *Error) []byte {
	start := len(b)
	b = begin(b, TypeError, e.XID)
	b[start] = version
	b = be.AppendUint16(be.AppendUint16(b, e.Type), e.Code)
	if e.Type == ErrorTypeExperimenter {
		b = be.AppendUint32(b, e.Experimenter)
	}
	return end(append(b, e.Data[:min(len(e.Data), MaxMessage-16)]...), start)
}

// ParseError reads an error message. Data is a copy.
func ParseError(m Message) (*Error, error) {
	r := read(m, TypeError)
	e := &Error{XID: m.XID, Type: r.u16(), Code: r.u16()}
	if e.Type == ErrorTypeExperimenter {
		e.Experimenter = r.u32()
	}
	e.Data = append([]byte(nil), r.rest()...)
	if err := r.err(); err != nil {
		return nil, err
	}
	return e, nil
}

// Cause returns the type of the message that the error is about, as far as the switch gave it back.
func (e *Error) Cause() (Type, bool) {
	if e.Type == ErrorTypeHelloFailed || len(e.Data) < HeaderSize {
		return 0, false
	}
	return Type(e.Data[1]), true
}
