package sim

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// handle carries out one message. The switch is locked.
func (c *session) handle(m openflow.Message) error {
	if m.Version != openflow.Version13 {
		return refuse(typeBadRequest, openflow.CodeBadVersion, "version %d", m.Version)
	}
	switch m.Type {
	case openflow.TypeHello, openflow.TypeError, openflow.TypeEchoReply, openflow.TypeTableMod, openflow.TypePortMod:
		return nil
	case openflow.TypeEchoRequest:
		c.send(openflow.AppendEcho(nil, openflow.TypeEchoReply, m.XID, m.Body))
		return nil
	case openflow.TypeFeaturesRequest:
		c.send(openflow.AppendFeatures(nil, m.XID, openflow.Features{Datapath: c.sw.cfg.DatapathID, Tables: 254, Capabilities: 0x4f}))
		return nil
	case openflow.TypeGetConfigRequest:
		c.send(openflow.AppendConfig(nil, openflow.TypeGetConfigReply, m.XID, c.config))
		return nil
	case openflow.TypeSetConfig:
		config, err := openflow.ParseConfig(m)
		if err == nil {
			c.config = config
		}
		return err
	case openflow.TypeBarrierRequest:
		c.send(openflow.AppendEmpty(nil, openflow.TypeBarrierReply, m.XID))
		return nil
	case openflow.TypeRoleRequest:
		return c.changeRole(m)
	case openflow.TypeGetAsyncRequest:
		c.send(openflow.AppendAsync(nil, openflow.TypeGetAsyncReply, m.XID, c.async))
		return nil
	case openflow.TypeSetAsync:
		async, err := openflow.ParseAsync(m)
		if err == nil {
			c.async = async
		}
		return err
	case openflow.TypeMultipartRequest:
		return c.multipart(m)
	case openflow.TypeExperimenter:
		return c.experimenter(m)
	case openflow.TypePacketOut:
		return c.packetOut(m)
	case openflow.TypeFlowMod, openflow.TypeGroupMod, openflow.TypeMeterMod:
		change, err := c.change(m)
		if err != nil {
			return err
		}
		return c.sw.atomically(change)
	}
	return refuse(typeBadRequest, openflow.CodeBadType, "%s", m.Type)
}

// change reads a message that changes tables. What is returned makes the change; the message's bytes may be gone by then.
func (c *session) change(m openflow.Message) (func() error, error) {
	if c.role == openflow.RoleSlave {
		return nil, refuse(typeBadRequest, 10, "%s of a slave", m.Type)
	}
	switch m.Type {
	case openflow.TypeFlowMod:
		in, err := openflow.ParseFlowMod(m)
		if err != nil {
			return nil, err
		}
		f := flow.Flow{Key: flow.Key{Table: in.Table, Priority: in.Priority, Match: string(in.Match)},
			Instructions: string(in.Instructions), Cookie: in.Cookie}
		mod := FlowMod{Command: Command(in.Command), Flow: f, CookieMask: in.CookieMask, OutPort: in.OutPort, OutGroup: in.OutGroup,
			Idle: in.Idle, Hard: in.Hard, Flags: in.Flags}
		return func() error { return c.sw.applyFlow(&mod, c) }, nil
	case openflow.TypeGroupMod:
		in, err := openflow.ParseGroupMod(m)
		if err != nil {
			return nil, err
		}
		mod := GroupMod{Command: commandOf(in.Command), Group: flow.Group{ID: in.ID, Type: in.Type, Buckets: string(in.Buckets)}}
		return func() error { return c.sw.applyGroup(&mod, c) }, nil
	case openflow.TypeMeterMod:
		in, err := openflow.ParseMeterMod(m)
		if err != nil {
			return nil, err
		}
		mod := MeterMod{Command: commandOf(in.Command), Meter: flow.Meter{ID: in.ID, Flags: in.Flags, Bands: string(in.Bands)}}
		return func() error { return c.sw.applyMeter(&mod, c) }, nil
	}
	return nil, refuse(typeExperimenter, openflow.CodeBundleBadMessage, "%s in a bundle", m.Type)
}

// commandOf turns the commands of groups and meters into those of flows.
func commandOf(in openflow.Command) Command {
	switch in {
	case openflow.Add:
		return Add
	case openflow.Modify:
		return Modify
	case openflow.Delete:
		return Delete
	}
	return 0xff
}

func (c *session) changeRole(m openflow.Message) error {
	in, err := openflow.ParseRole(m)
	if err != nil {
		return err
	}
	s := c.sw
	if in.Role == openflow.RoleMaster || in.Role == openflow.RoleSlave {
		if s.generationKnown && int64(in.Generation-s.generation) < 0 {
			return refuse(typeRoleFailed, openflow.CodeStale, "generation %d after %d", in.Generation, s.generation)
		}
		s.generation, s.generationKnown = in.Generation, true
	}
	switch in.Role {
	case openflow.RoleNoChange:
	case openflow.RoleMaster:
		for o := range s.sessions {
			if o != c && o.role == openflow.RoleMaster {
				o.role = openflow.RoleSlave
			}
		}
		c.role = in.Role
	case openflow.RoleEqual, openflow.RoleSlave:
		c.role = in.Role
	default:
		return refuse(typeRoleFailed, 2, "role %d", in.Role)
	}
	generation := openflow.NoGeneration
	if s.generationKnown {
		generation = s.generation
	}
	c.send(openflow.AppendRole(nil, openflow.TypeRoleReply, m.XID, openflow.Role{Role: c.role, Generation: generation}))
	return nil
}

func (c *session) packetOut(m openflow.Message) error {
	in, err := openflow.ParsePacketOut(m)
	if err != nil {
		return err
	}
	if c.role == openflow.RoleSlave {
		return refuse(typeBadRequest, 10, "packet-out of a slave")
	}
	if in.Buffer != openflow.NoBuffer {
		return refuse(typeBadRequest, 8, "buffer %d does not exist", in.Buffer)
	}
	steps, err := actions(in.Actions, 0)
	if err != nil {
		return err
	}
	res := c.sw.execute(in.InPort, steps, in.Data)
	if c.sw.cfg.OnPacketOut != nil {
		c.sw.cfg.OnPacketOut(res)
	}
	return nil
}

func (c *session) experimenter(m openflow.Message) error {
	e, err := openflow.ParseExperimenter(m)
	if err != nil {
		return err
	}
	switch e.Kind() {
	case openflow.SetPacketInFormat:
		format, err := openflow.ParseSetPacketInFormat(e)
		if err != nil {
			return err
		}
		if format != openflow.PacketInStandard && format != openflow.PacketInNicira2 {
			return refuse(typeBadRequest, openflow.CodeBadSubtype, "packet-in format %d", format)
		}
		c.nicira = format == openflow.PacketInNicira2
		return nil
	case openflow.SetControllerID:
		return nil
	case openflow.CTFlushZone:
		zone, err := openflow.ParseCTFlushZone(e)
		if err != nil {
			return err
		}
		for t := range c.sw.tracker {
			if t.zone == zone {
				delete(c.sw.tracker, t)
			}
		}
		return nil
	case openflow.CTFlush:
		q, err := openflow.ParseCTFlush(e)
		if err != nil {
			return err
		}
		c.sw.tracker.forget(q)
		return nil
	case openflow.MonitorCancel:
		return c.cancelMonitor(e)
	case openflow.BundleControlMessage:
		return c.bundleControl(m, e)
	case openflow.BundleAddMessage:
		return c.bundleAdd(m, e)
	}
	return &Error{Type: typeBadRequest, Code: openflow.CodeBadExperimenter, Why: notModelled(fmt.Sprintf("experimenter message %#x/%d", e.ID, e.Subtype))}
}

// bundle is changes that wait to be made together.
type bundle struct {
	flags   uint16
	changes []bundled
	failed  bool
	closed  bool
}

type bundled struct {
	xid  uint32
	head []byte // the start of the message, for an error
	do   func() error
}

func refuseBundle(code uint16, format string, args ...any) error {
	return &Error{Type: typeExperimenter, Code: code, Experimenter: experimenterONF, Why: fmt.Errorf(format, args...)}
}

func (c *session) bundleControl(m openflow.Message, e openflow.Experimenter) error {
	in, err := openflow.ParseBundleControl(e)
	if err != nil {
		return err
	}
	b := c.bundles[in.ID]
	if in.Command == openflow.BundleOpen {
		if b != nil {
			return refuseBundle(openflow.CodeBundleExists, "bundle %d is open", in.ID)
		}
		c.bundles[in.ID] = &bundle{flags: in.Flags}
	} else if b == nil {
		return refuseBundle(openflow.CodeBundleBadID, "bundle %d is not open", in.ID)
	}
	switch in.Command {
	case openflow.BundleOpen:
	case openflow.BundleClose:
		b.closed = true
	case openflow.BundleDiscard:
		delete(c.bundles, in.ID)
	case openflow.BundleCommit:
		delete(c.bundles, in.ID)
		if err := c.commit(b); err != nil {
			return err
		}
	default:
		return refuseBundle(openflow.CodeBundleBadType, "bundle command %d", in.Command)
	}
	in.Command++
	c.send(openflow.AppendBundleControl(nil, m.XID, in))
	return nil
}

// commit makes a bundle's changes, all or none.
func (c *session) commit(b *bundle) error {
	if b.failed {
		return refuseBundle(openflow.CodeBundleMsgFailed, "a message of the bundle was refused")
	}
	var failed *bundled
	err := c.sw.atomically(func() error {
		for i := range b.changes {
			c.xid = b.changes[i].xid
			if err := b.changes[i].do(); err != nil {
				failed = &b.changes[i]
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	if m, _, bad := openflow.Next(failed.head); bad == nil {
		c.refuse(m, err)
	}
	return refuseBundle(openflow.CodeBundleMsgFailed, "%w", err)
}

func (c *session) bundleAdd(m openflow.Message, e openflow.Experimenter) error {
	in, err := openflow.ParseBundleAdd(e)
	if err != nil {
		return err
	}
	b := c.bundles[in.ID]
	switch {
	case b == nil: // Open vSwitch opens it
		b = &bundle{flags: in.Flags}
		c.bundles[in.ID] = b
	case b.closed:
		return refuseBundle(openflow.CodeBundleClosed, "bundle %d is closed", in.ID)
	}
	if in.Message.XID != m.XID {
		b.failed = true
		return refuseBundle(openflow.CodeBundleBadXID, "message %d inside message %d", in.Message.XID, m.XID)
	}
	if in.Message.Type != openflow.TypeFlowMod && in.Message.Type != openflow.TypeGroupMod {
		b.failed = true
		return refuseBundle(openflow.CodeBundleBadMessage, "%s in a bundle", in.Message.Type)
	}
	do, err := c.change(in.Message)
	if err != nil {
		b.failed = true
		return err
	}
	b.changes = append(b.changes, bundled{m.XID, in.Message.Append(nil), do})
	return nil
}
