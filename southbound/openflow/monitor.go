package openflow

import "github.com/weft-sdn/weft/southbound/flow"

// MonitorFlags say what a flow monitor reports.
type MonitorFlags uint16

// Flags of flow monitors.
const (
	MonitorInitial MonitorFlags = 1 << iota // the flows there are
	MonitorAdd
	MonitorDelete
	MonitorModify
	MonitorInstructions // with instructions
	MonitorOwn          // our own changes in full; without it only their transaction ids
)

// MonitorRequest starts a flow monitor, in the form of the ONF's extension to OpenFlow 1.3.
type MonitorRequest struct {
	ID      uint32
	Flags   MonitorFlags
	OutPort uint32 // flow.PortAny for all
	Table   uint8  // AllTables for all
	Match   []byte // OXM TLVs
}

// AppendMonitorRequest appends a request for a flow monitor.
func AppendMonitorRequest(b []byte, xid uint32, q *MonitorRequest) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartRequest, xid, MultipartExperimenter)
	b = be.AppendUint32(be.AppendUint32(b, ExperimenterONF), onfFlowMonitor)
	b = be.AppendUint16(be.AppendUint32(b, q.ID), uint16(q.Flags))
	b = be.AppendUint16(b, uint16(4+len(q.Match)))
	b = append(be.AppendUint32(b, q.OutPort), q.Table, 0, 0, 0)
	return end(appendMatch(b, q.Match), start)
}

// NextMonitorRequest takes a monitor off the body of a request.
func NextMonitorRequest(body []byte) (MonitorRequest, []byte, error) {
	r := reader{b: body, of: TypeMultipartRequest}
	q := MonitorRequest{ID: r.u32(), Flags: MonitorFlags(r.u16())}
	r.skip(2)
	q.OutPort, q.Table = r.u32(), r.u8()
	r.skip(3)
	q.Match = r.match()
	return q, r.b, r.err()
}

// IsMonitor says whether a multipart message is about flow monitors.
func (p *Multipart) IsMonitor() bool {
	return p.Type == MultipartExperimenter && p.Experimenter == ExperimenterONF && p.Subtype == onfFlowMonitor
}

// AppendMonitorCancel appends what stops a flow monitor.
func AppendMonitorCancel(b []byte, xid, id uint32) []byte {
	start := len(b)
	return end(be.AppendUint32(beginExperimenter(b, xid, ExperimenterONF, onfMonitorCancel), id), start)
}

// UpdateEvent says what happened to a monitored flow.
type UpdateEvent uint16

// Events of flow updates.
const (
	FlowAdded UpdateEvent = iota
	FlowDeleted
	FlowModified
	FlowAbbreviated // a change of our own: only XID counts
)

// FlowUpdate is an entry of a flow monitor's reply.
type FlowUpdate struct {
	Event        UpdateEvent
	XID          uint32 // FlowAbbreviated: of our message
	Reason       uint16 // FlowDeleted: why
	Priority     uint16
	Idle, Hard   uint16
	Table        uint8
	Cookie       uint64
	Match        []byte // OXM TLVs, a part of the message
	Instructions []byte // likewise
}

// Key copies out what tells the flow from others.
func (u *FlowUpdate) Key() flow.Key {
	return flow.Key{Table: u.Table, Priority: u.Priority, Match: string(u.Match)}
}

// BeginMonitorReply begins a reply, or an update, of flow monitors. Updates have transaction id 0.
func BeginMonitorReply(b []byte, xid uint32) *Reply {
	return BeginExperimenterReply(b, xid, ExperimenterONF, onfFlowMonitor)
}

// AppendFlowUpdate appends an entry of a flow monitor's reply.
func AppendFlowUpdate(b []byte, u *FlowUpdate) []byte {
	start := len(b)
	b = be.AppendUint32(b, uint32(u.Event))
	if u.Event == FlowAbbreviated {
		b = be.AppendUint32(b, u.XID)
	} else {
		b = be.AppendUint16(be.AppendUint16(b, u.Reason), u.Priority)
		b = be.AppendUint16(be.AppendUint16(b, u.Idle), u.Hard)
		b = append(be.AppendUint16(b, uint16(4+len(u.Match))), u.Table, 0)
		b = append(appendMatch(be.AppendUint64(b, u.Cookie), u.Match), u.Instructions...)
	}
	be.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// NextFlowUpdate takes an entry off a flow monitor's reply.
func NextFlowUpdate(body []byte) (FlowUpdate, []byte, error) {
	r, rest, err := entry(body, 8)
	if err != nil {
		return FlowUpdate{}, nil, err
	}
	u := FlowUpdate{Event: UpdateEvent(r.u16())}
	switch {
	case u.Event == FlowAbbreviated:
		u.XID = r.u32()
	case u.Event < FlowAbbreviated:
		u.Reason, u.Priority, u.Idle, u.Hard = r.u16(), r.u16(), r.u16(), r.u16()
		r.skip(2)
		u.Table = r.u8()
		r.skip(1)
		u.Cookie, u.Match = r.u64(), r.match()
		u.Instructions = r.rest()
	default:
		r.fail(ErrLength)
	}
	return u, rest, r.err()
}
