package openflow

import (
	"errors"
	"fmt"
)

// Transaction ids of the handshake.
const (
	xidHello uint32 = iota + 1
	xidFeatures
	xidGeneration
	xidRole
	xidConfig
	xidFormat
	xidControllerID
	xidAsync
	xidDesc
	xidBarrier
)

// handshake runs before there are goroutines: it writes, and reads what comes.
func (c *Conn) handshake() error {
	if err := c.agree(); err != nil {
		return err
	}
	b := AppendEmpty(nil, TypeFeaturesRequest, xidFeatures)
	if c.cfg.Role != KeepRole && c.cfg.Generation == 0 {
		b = AppendRole(b, TypeRoleRequest, xidGeneration, Role{Role: RoleNoChange})
	}
	if err := c.ask(AppendEmpty(b, TypeBarrierRequest, xidBarrier)); err != nil {
		return err
	}
	if c.info.Features == (Features{}) {
		return errors.New("no features reply")
	}
	return c.ask(c.appendSettings(nil))
}

// agree exchanges hellos.
func (c *Conn) agree() error {
	const offer = Versions(1 << Version13)
	if _, err := c.nc.Write(AppendHello(nil, xidHello, offer)); err != nil {
		return err
	}
	m, err := c.readOne()
	if err != nil {
		return err
	}
	if m.Type == TypeError {
		e, err := ParseError(m)
		if err != nil {
			return err
		}
		return e
	}
	h, err := ParseHello(m)
	if err != nil {
		return err
	}
	if v := h.Agree(offer); v != Version13 {
		sentence := fmt.Sprintf("this controller speaks OpenFlow 1.3 (version 4) only; you offer version %d, bitmap %#x", h.Version, uint32(h.Versions))
		e := &Error{XID: m.XID, Type: ErrorTypeHelloFailed, Code: CodeIncompatible, Data: []byte(sentence)}
		_, _ = c.nc.Write(AppendError(nil, min(h.Version, Version13), e)) // it may be gone already
		return fmt.Errorf("%w: switch offers version %d, bitmap %#x", ErrVersion, h.Version, uint32(h.Versions))
	}
	return nil
}

// appendSettings appends all that makes the switch ours, and a barrier.
func (c *Conn) appendSettings(b []byte) []byte {
	if c.cfg.Role != KeepRole {
		generation := c.cfg.Generation
		if generation == 0 {
			generation = c.info.Role.Generation + 1 // after NoGeneration comes 0
			if generation == NoGeneration {
				generation = 0
			}
		}
		b = AppendRole(b, TypeRoleRequest, xidRole, Role{c.cfg.Role, generation})
	}
	b = AppendConfig(b, TypeSetConfig, xidConfig, Config{MissSendLen: 0xffff})
	b = AppendSetPacketInFormat(b, xidFormat, PacketInNicira2)
	if c.cfg.ControllerID != 0 {
		b = AppendSetControllerID(b, xidControllerID, c.cfg.ControllerID)
	}
	b = AppendAsync(b, TypeSetAsync, xidAsync, c.cfg.Async)
	b = AppendMultipartRequest(b, xidDesc, MultipartDesc)
	c.info.Nicira = true
	return AppendEmpty(b, TypeBarrierRequest, xidBarrier)
}

// ask writes requests that end with a barrier, and reads the answers.
func (c *Conn) ask(b []byte) error {
	if _, err := c.nc.Write(b); err != nil {
		return err
	}
	for {
		m, err := c.readOne()
		if err != nil {
			return err
		}
		if m.Version != Version13 {
			return fmt.Errorf("%w: %s of version %d", ErrVersion, m.Type, m.Version)
		}
		if m.Type == TypeBarrierReply && m.XID == xidBarrier {
			return nil
		}
		if err := c.answer(m); err != nil {
			return err
		}
	}
}

// answer takes one message of the handshake.
func (c *Conn) answer(m Message) (err error) {
	switch m.Type {
	case TypeEchoRequest:
		_, err = c.nc.Write(AppendEcho(nil, TypeEchoReply, m.XID, m.Body))
	case TypeFeaturesReply:
		c.info.Features, err = ParseFeatures(m)
	case TypeRoleReply:
		c.info.Role, err = ParseRole(m)
	case TypeMultipartReply:
		var p Multipart
		if p, err = ParseMultipart(m); err == nil && p.Type == MultipartDesc {
			c.info.Desc, err = ParseDesc(p.Body)
		}
	case TypeError:
		var e *Error
		if e, err = ParseError(m); err == nil {
			err = c.refused(e)
		}
	case TypePortStatus, TypePacketIn, TypeFlowRemoved, TypeExperimenter:
		// Unasked. Ports are read after the handshake; the rest is nobody's yet.
	}
	return err
}

// refused judges an error of the handshake: what only Open vSwitch has may be missing.
func (c *Conn) refused(e *Error) error {
	switch e.XID {
	case xidFormat, xidControllerID:
		c.info.Nicira = false
		return nil
	case xidAsync, xidDesc, xidConfig:
		return nil
	case xidGeneration:
		c.info.Role.Generation = NoGeneration
		return nil
	}
	return e
}

// readOne reads one message. Its body is good until the next one is read.
func (c *Conn) readOne() (Message, error) {
	for {
		if n, err := Length(c.input); err == nil && len(c.input) >= n {
			m, rest, err := Next(c.input)
			c.input = rest
			return m, err
		} else if err != nil && !errors.Is(err, ErrTruncated) {
			return Message{}, err
		}
		b := make([]byte, 4096)
		n, err := c.nc.Read(b)
		if err != nil {
			return Message{}, err
		}
		c.input = append(c.input[:len(c.input):len(c.input)], b[:n]...)
	}
}
