package openflow

import (
	"errors"
	"time"
)

// ConnConfig says how a connection behaves. The zero value is usable: a connection that becomes master.
type ConnConfig struct {
	// HandshakeTimeout bounds the time from the connection to the switch's last answer of the handshake.
	HandshakeTimeout time.Duration
	// EchoInterval is how long the switch may be silent before it is asked for an echo, and EchoTimeout how long it may then
	// go on being silent before the connection is closed.
	EchoInterval, EchoTimeout time.Duration
	// WriteTimeout bounds how long the switch may take to read 64 KiB.
	WriteTimeout time.Duration
	// ReplyTimeout bounds how long the switch may take to go on with the answer to a request. A switch that does not, while
	// it answers echoes, is closed.
	ReplyTimeout time.Duration

	// Role is what to ask for: RoleMaster by default. With KeepRole no role is asked for.
	Role RoleKind
	// Generation is the generation of a master or slave role. Zero asks the switch for its generation and takes the next one,
	// for a controller that is alone.
	Generation uint64
	// ControllerID is what controller actions call this connection; 0 by default.
	ControllerID uint16
	// Async says what the switch sends unasked. The zero value is DefaultAsync.
	Async Async

	// WriteBuffer is how many bytes may wait to be written before senders wait.
	WriteBuffer int
	// PacketIns is how many packet-ins may wait to be taken before further ones are dropped and counted.
	PacketIns int
	// Updates is how many flow updates, flow-removed and unasked errors may wait to be taken. When there are more, they are
	// dropped and an EventsLost says so.
	Updates int
}

// DefaultAsync asks for packet-ins by action, table miss and spent TTL, for all port changes, and for flows removed.
func DefaultAsync() Async {
	return Async{PacketIn: [2]uint32{1<<PacketNoMatch | 1<<PacketAction | 1<<PacketInvalidTTL, 0}, PortStatus: [2]uint32{7, 7}, FlowRemoved: [2]uint32{15, 0}}
}

var errConfig = errors.New("bad configuration")

// KeepRole is the Role of a connection that asks for none.
const KeepRole RoleKind = 0xffffffff

func (c ConnConfig) withDefaults() (ConnConfig, error) {
	for _, d := range [...]struct {
		v *time.Duration
		d time.Duration
	}{
		{&c.HandshakeTimeout, 10 * time.Second}, {&c.EchoInterval, 5 * time.Second}, {&c.EchoTimeout, 10 * time.Second},
		{&c.WriteTimeout, 10 * time.Second}, {&c.ReplyTimeout, 60 * time.Second},
	} {
		if *d.v < 0 {
			return c, errors.Join(errConfig, errors.New("negative duration"))
		}
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	for _, d := range [...]struct {
		v *int
		d int
	}{{&c.WriteBuffer, 1 << 20}, {&c.PacketIns, 1024}, {&c.Updates, 1 << 16}} {
		if *d.v < 0 {
			return c, errors.Join(errConfig, errors.New("negative size"))
		}
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if c.Role == RoleNoChange {
		c.Role = RoleMaster
	}
	if c.Async == (Async{}) {
		c.Async = DefaultAsync()
	}
	return c, nil
}
