package sim

import (
	"errors"
	"fmt"
)

// ErrNotModelled is wrapped where a flow asks for what this simulator does not do. A flow that does is refused when it is added:
// what is installed is carried out.
var ErrNotModelled = errors.New("not modelled by the simulator")

// ErrLoop is reported for a packet that goes round in circles.
var ErrLoop = errors.New("too many resubmits")

func notModelled(what string) error { return fmt.Errorf("%s: %w", what, ErrNotModelled) }

// Error is what a switch answers to a message that it refuses (OpenFlow 1.3, section 7.4.4).
type Error struct {
	Type, Code   uint16
	Experimenter uint32 // with Type 0xffff; Code is then the experimenter's type
	Why          error
}

func (e *Error) Error() string {
	return fmt.Sprintf("refused with error %d/%d: %v", e.Type, e.Code, e.Why)
}

// Unwrap returns what was wrong.
func (e *Error) Unwrap() error { return e.Why }

// Errors of OpenFlow 1.3 that are given here.
const (
	typeHelloFailed    = 0
	typeBadRequest     = 1
	typeBadAction      = 2
	typeBadInstruction = 3
	typeBadMatch       = 4
	typeFlowModFailed  = 5
	typeGroupModFailed = 6
	typeRoleFailed     = 11
	typeMeterModFailed = 12
	typeExperimenter   = 0xffff

	experimenterONF    = 0x4f4e4600
	experimenterNicira = 0x00002320
)

func refuse(typ, code uint16, format string, args ...any) error {
	return &Error{Type: typ, Code: code, Why: fmt.Errorf(format, args...)}
}
