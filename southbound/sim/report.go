package sim

import (
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// What is told to controllers, in OpenFlow's numbers.
const (
	portAdded    = openflow.PortAdded
	portRemoved  = openflow.PortDeleted
	portModified = openflow.PortModified

	removedDelete uint8 = 2
	removedGroup  uint8 = 3
	removedMeter  uint8 = 4

	eventAdded    = openflow.FlowAdded
	eventRemoved  = openflow.FlowDeleted
	eventModified = openflow.FlowModified
)

const multipartTableFeatures openflow.MultipartType = 12

// change is a flow's change that monitors are to be told.
type change struct {
	event  openflow.UpdateEvent
	rule   *rule
	reason uint8
	by     *session
	xid    uint32
}

// multipart answers a multipart request.
func (c *session) multipart(m openflow.Message) error {
	q, err := openflow.ParseMultipart(m)
	if err != nil {
		return err
	}
	if q.IsMonitor() {
		return c.startMonitors(m.XID, &q)
	}
	r := openflow.BeginReply(nil, m.XID, q.Type)
	switch q.Type {
	case openflow.MultipartDesc:
		c.send(openflow.AppendDesc(nil, m.XID, &openflow.Desc{Manufacturer: "weft", Hardware: "simulator", Software: "simulator"}))
		return nil
	case openflow.MultipartAggregate:
		return c.aggregate(m.XID, q.Body)
	case openflow.MultipartGroupFeatures:
		const most = 0xffffff00
		c.send(openflow.AppendGroupFeatures(nil, m.XID, &openflow.GroupFeatures{Types: 15, Capabilities: 7, MaxGroups: [4]uint32{most, most, most, most}}))
		return nil
	case openflow.MultipartMeterFeatures:
		c.send(openflow.AppendMeterFeatures(nil, m.XID, openflow.MeterFeatures{MaxMeters: 65536, BandTypes: 2, Capabilities: 15, MaxBands: 8}))
		return nil
	case openflow.MultipartFlow:
		err = c.flowStats(r, q.Body)
	case multipartTableFeatures:
		for n := range c.sw.tables {
			r.Entry(func(b []byte) []byte { return appendTableFeatures(b, uint8(n)) })
		}
	case openflow.MultipartTable:
		c.tableStats(r)
	case openflow.MultipartPortDesc:
		for _, p := range c.sw.sortedPorts() {
			o := p.wire()
			r.Entry(func(b []byte) []byte { return openflow.AppendPort(b, &o) })
		}
	case openflow.MultipartGroupDesc:
		for _, g := range c.sw.groups {
			r.Entry(func(b []byte) []byte { return openflow.AppendGroupDesc(b, &g.Group) })
		}
	case openflow.MultipartMeterConfig:
		err = c.meterConfig(r, q.Body)
	default:
		return refuse(typeBadRequest, openflow.CodeBadMultipart, "multipart type %d", q.Type)
	}
	if err != nil {
		return err
	}
	c.send(r.End())
	return nil
}

// appendTableFeatures appends the table's number, no name, and the properties that must be there, empty: ovs-ofctl asks for this
// before anything else, and for nothing but the names.
func appendTableFeatures(b []byte, n uint8) []byte {
	const size, all, properties = 128, 0xffffffffffffffff, 8
	b = append(be.AppendUint16(b, size), n, 0, 0, 0, 0, 0)
	b = append(b, make([]byte, 32)...)
	b = be.AppendUint64(be.AppendUint64(b, all), all)
	b = be.AppendUint32(be.AppendUint32(b, 3), 1000000)
	for i := range uint64(properties) {
		b = be.AppendUint64(b, 2*i<<48|4<<32)
	}
	return b
}

// wanted returns the flows that a request is about.
func (c *session) wanted(body []byte) ([]*rule, error) {
	q, err := openflow.ParseFlowRequest(body)
	if err != nil {
		return nil, err
	}
	match, err := canonical(string(q.Match))
	if err != nil {
		return nil, err
	}
	return c.sw.selectRules(&FlowMod{Command: Delete, Flow: flow.Flow{Key: flow.Key{Table: q.Table, Match: match}, Cookie: q.Cookie},
		CookieMask: q.CookieMask, OutPort: q.OutPort, OutGroup: q.OutGroup}), nil
}

func (c *session) flowStats(r *openflow.Reply, body []byte) error {
	rules, err := c.wanted(body)
	now := c.sw.cfg.Now().UnixNano()
	for _, f := range rules {
		age := max(0, now-f.born)
		s := openflow.FlowStats{
			Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Idle: f.idle, Hard: f.hard, Flags: f.flags,
			Seconds: uint32(age / 1e9), Nanos: uint32(age % 1e9), Packets: f.packets, Bytes: f.bytes,
			Match: []byte(f.Match), Instructions: []byte(f.Instructions),
		}
		r.Entry(func(b []byte) []byte { return openflow.AppendFlowStats(b, &s) })
	}
	return err
}

func (c *session) aggregate(xid uint32, body []byte) error {
	rules, err := c.wanted(body)
	if err != nil {
		return err
	}
	a := openflow.Aggregate{Flows: uint32(len(rules))}
	for _, r := range rules {
		a.Packets += r.packets
		a.Bytes += r.bytes
	}
	c.send(openflow.AppendAggregate(nil, xid, a))
	return nil
}

func (c *session) tableStats(r *openflow.Reply) {
	for n, t := range c.sw.tables {
		s := openflow.TableStats{Table: uint8(n)}
		if t != nil {
			s.Active, s.Lookups, s.Matches = uint32(len(t.rules)), t.lookups, t.matched
		}
		r.Entry(func(b []byte) []byte { return openflow.AppendTableStats(b, s) })
	}
}

func (c *session) meterConfig(r *openflow.Reply, body []byte) error {
	id, err := openflow.ParseMeterConfigRequest(body)
	if err != nil {
		return err
	}
	for _, m := range c.sw.meters {
		if id == openflow.AllMeters || id == m.ID {
			r.Entry(func(b []byte) []byte { return openflow.AppendMeterConfig(b, &m.Meter) })
		}
	}
	return nil
}

func (p Port) wire() openflow.Port {
	o := openflow.Port{Number: p.Number, MAC: p.MAC, Name: p.Name, State: openflow.PortStateLive}
	if p.Down {
		o.State = openflow.PortStateLinkDown
	}
	return o
}

func (s *Switch) tellPort(p Port, reason openflow.PortReason) {
	for c := range s.sessions {
		if c.async.PortStatus[c.slave()]>>reason&1 != 0 {
			c.send(openflow.AppendPortStatus(nil, 0, &openflow.PortStatus{Reason: reason, Port: p.wire()}))
		}
	}
}

func (c *session) slave() int {
	if c.role == openflow.RoleSlave {
		return 1
	}
	return 0
}

func (s *Switch) tellPacketIns(list []PacketIn) {
	for i := range list {
		for c := range s.sessions {
			if c.async.PacketIn[c.slave()]>>list[i].Reason&1 != 0 {
				c.packetIn(&list[i])
			}
		}
	}
}

func (c *session) packetIn(p *PacketIn) {
	match, err := flow.AppendMatch(nil, p.Fields)
	if err != nil {
		return // fields of a packet always make a match
	}
	m := openflow.PacketIn{
		Buffer: openflow.NoBuffer, TotalLen: uint32(len(p.Frame)), Reason: p.Reason, Table: p.Table, Cookie: p.Cookie, Match: match,
		Data: p.Frame[:min(len(p.Frame), int(p.MaxLen))], UserData: []byte(p.UserData),
	}
	if c.nicira {
		c.send(openflow.AppendPacketIn2(nil, 0, &m))
	} else {
		c.send(openflow.AppendPacketIn(nil, 0, &m))
	}
}

// startMonitors starts flow monitors and reports what there is, if they ask for it.
func (c *session) startMonitors(xid uint32, q *openflow.Multipart) error {
	r := openflow.BeginMonitorReply(nil, xid)
	for body := q.Body; len(body) > 0; {
		m, rest, err := openflow.NextMonitorRequest(body)
		if err != nil {
			return err
		}
		if _, there := c.monitors[m.ID]; there {
			return refuseBundle(0, "flow monitor %d exists", m.ID)
		}
		match, err := canonical(string(m.Match))
		if err != nil {
			return err
		}
		m.Match = []byte(match)
		c.monitors[m.ID], body = m, rest
		if m.Flags&openflow.MonitorInitial == 0 {
			continue
		}
		for _, f := range c.sw.selectRules(&FlowMod{Command: Delete, Flow: flow.Flow{Key: flow.Key{Table: m.Table, Match: match}}, OutPort: m.OutPort}) {
			u := f.update(eventAdded, 0, m.Flags)
			r.Entry(func(b []byte) []byte { return openflow.AppendFlowUpdate(b, &u) })
		}
	}
	c.send(r.End())
	return nil
}

func (r *rule) update(event openflow.UpdateEvent, reason uint8, flags openflow.MonitorFlags) openflow.FlowUpdate {
	u := openflow.FlowUpdate{
		Event: event, Reason: uint16(reason), Priority: r.Priority, Idle: r.idle, Hard: r.hard, Table: r.Table, Cookie: r.Cookie,
		Match: []byte(r.Match),
	}
	if flags&openflow.MonitorInstructions != 0 {
		u.Instructions = []byte(r.Instructions)
	}
	return u
}

func (c *session) cancelMonitor(e openflow.Experimenter) error {
	if len(e.Body) < 4 {
		return refuse(typeBadRequest, openflow.CodeBadLength, "monitor cancel cut short")
	}
	delete(c.monitors, be.Uint32(e.Body))
	return nil
}

// tellMonitors notes a change for flushMonitors.
func (s *Switch) tellMonitors(event openflow.UpdateEvent, r *rule, reason uint8, by *session) {
	for c := range s.sessions {
		if len(c.monitors) > 0 || r.flags&openflow.SendFlowRemoved != 0 && event == eventRemoved {
			n := change{event: event, rule: r, reason: reason, by: by}
			if by != nil {
				n.xid = by.xid
			}
			s.changes = append(s.changes, n)
			return
		}
	}
}

// flushMonitors sends what was noted, or forgets it when it was taken back.
func (s *Switch) flushMonitors(happened happens) {
	if len(s.changes) == 0 {
		return
	}
	if happened {
		for c := range s.sessions {
			c.report(s.changes)
		}
	}
	clear(s.changes)
	s.changes = s.changes[:0]
}

// happens says whether changes were made or taken back.
type happens bool

func (c *session) report(all []change) {
	r := openflow.BeginMonitorReply(nil, 0)
	n, xid := 0, uint32(0)
	for i := range all {
		e := &all[i]
		if e.event == eventRemoved && e.rule.flags&openflow.SendFlowRemoved != 0 && c.async.FlowRemoved[c.slave()]>>e.reason&1 != 0 {
			c.send(openflow.AppendFlowRemoved(nil, 0, c.removed(e)))
		}
		for _, m := range c.monitors {
			if !e.concerns(&m) {
				continue
			}
			u := e.rule.update(e.event, e.reason, m.Flags)
			if e.by == c && m.Flags&openflow.MonitorOwn == 0 {
				if n > 0 && xid == e.xid {
					continue
				}
				u, xid = openflow.FlowUpdate{Event: openflow.FlowAbbreviated, XID: e.xid}, e.xid
			}
			r.Entry(func(b []byte) []byte { return openflow.AppendFlowUpdate(b, &u) })
			n++
		}
	}
	if n > 0 {
		c.send(r.End())
	}
}

func (c *session) removed(e *change) *openflow.FlowRemoved {
	age := max(0, c.sw.cfg.Now().UnixNano()-e.rule.born)
	return &openflow.FlowRemoved{
		Cookie: e.rule.Cookie, Priority: e.rule.Priority, Reason: e.reason, Table: e.rule.Table, Seconds: uint32(age / 1e9),
		Nanos: uint32(age % 1e9), Idle: e.rule.idle, Hard: e.rule.hard, Packets: e.rule.packets, Bytes: e.rule.bytes,
		Match: []byte(e.rule.Match),
	}
}

// concerns says whether a monitor asks for a change.
func (e *change) concerns(m *openflow.MonitorRequest) bool {
	flag := [...]openflow.MonitorFlags{openflow.MonitorAdd, openflow.MonitorDelete, openflow.MonitorModify}[e.event]
	if m.Flags&flag == 0 || m.Table != AllTables && m.Table != e.rule.Table {
		return false
	}
	want, _ := flow.ParseMatch(m.Match)
	return e.rule.within(want) && e.rule.uses(opOutput, m.OutPort)
}
