package openflow

import "github.com/weft-sdn/weft/southbound/flow"

// FlowRequest asks for flows, in a flow or an aggregate request.
type FlowRequest struct {
	Table              uint8 // AllTables for all
	OutPort, OutGroup  uint32
	Cookie, CookieMask uint64
	Match              []byte // OXM TLVs
}

// EveryFlow asks for all flows.
func EveryFlow() FlowRequest {
	return FlowRequest{Table: AllTables, OutPort: flow.PortAny, OutGroup: flow.PortAny}
}

// AppendFlowRequest appends a request of type MultipartFlow or MultipartAggregate.
func AppendFlowRequest(b []byte, xid uint32, typ MultipartType, q *FlowRequest) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartRequest, xid, typ)
	b = append(b, q.Table, 0, 0, 0)
	b = zeros(be.AppendUint32(be.AppendUint32(b, q.OutPort), q.OutGroup), 4)
	b = be.AppendUint64(be.AppendUint64(b, q.Cookie), q.CookieMask)
	return end(appendMatch(b, q.Match), start)
}

// ParseFlowRequest reads the body of a flow or aggregate request.
func ParseFlowRequest(body []byte) (FlowRequest, error) {
	r := reader{b: body, of: TypeMultipartRequest}
	q := FlowRequest{Table: r.u8()}
	r.skip(3)
	q.OutPort, q.OutGroup = r.u32(), r.u32()
	r.skip(4)
	q.Cookie, q.CookieMask, q.Match = r.u64(), r.u64(), r.match()
	return q, r.err()
}

// FlowStats is an entry of a flow reply. Match and Instructions are the switch's own bytes, parts of the message: a stale
// flow is deleted by giving its match back.
type FlowStats struct {
	Table          uint8
	Priority       uint16
	Cookie         uint64
	Idle, Hard     uint16
	Flags          uint16
	Seconds, Nanos uint32 // how long it has been there
	Packets, Bytes uint64
	Match          []byte
	Instructions   []byte
}

// Key copies out what tells the flow from others.
func (s *FlowStats) Key() flow.Key {
	return flow.Key{Table: s.Table, Priority: s.Priority, Match: string(s.Match)}
}

// Flow copies the flow out.
func (s *FlowStats) Flow() flow.Flow {
	return flow.Flow{Key: s.Key(), Instructions: string(s.Instructions), Cookie: s.Cookie}
}

// flowStatsHead is the length of an entry without match and instructions.
const flowStatsHead = 48

// AppendFlowStats appends an entry of a flow reply.
func AppendFlowStats(b []byte, s *FlowStats) []byte {
	start := len(b)
	b = append(b, 0, 0, s.Table, 0)
	b = be.AppendUint32(be.AppendUint32(b, s.Seconds), s.Nanos)
	b = be.AppendUint16(be.AppendUint16(be.AppendUint16(b, s.Priority), s.Idle), s.Hard)
	b = zeros(be.AppendUint16(b, s.Flags), 4)
	b = be.AppendUint64(be.AppendUint64(be.AppendUint64(b, s.Cookie), s.Packets), s.Bytes)
	b = append(appendMatch(b, s.Match), s.Instructions...)
	be.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// Next reads the next entry of a flow reply into s and returns what follows. It allocates nothing.
func (s *FlowStats) Next(body []byte) ([]byte, error) {
	if len(body) < flowStatsHead+8 {
		return nil, errEntry(len(body))
	}
	n := int(be.Uint16(body))
	if n < flowStatsHead+8 || n > len(body) {
		return nil, errEntry(n)
	}
	e := body[:n:n]
	matchLen := int(be.Uint16(e[flowStatsHead+2:]))
	at := flowStatsHead + (matchLen+7)&^7
	if matchLen < 4 || at > n || be.Uint16(e[flowStatsHead:]) != 1 {
		return nil, errEntry(n)
	}
	s.Table = e[2]
	s.Seconds, s.Nanos = be.Uint32(e[4:]), be.Uint32(e[8:])
	s.Priority, s.Idle, s.Hard, s.Flags = be.Uint16(e[12:]), be.Uint16(e[14:]), be.Uint16(e[16:]), be.Uint16(e[18:])
	s.Cookie, s.Packets, s.Bytes = be.Uint64(e[24:]), be.Uint64(e[32:]), be.Uint64(e[40:])
	s.Match = e[flowStatsHead+4 : flowStatsHead+matchLen : flowStatsHead+matchLen]
	s.Instructions = e[at:]
	return body[n:], nil
}

// Aggregate sums up flows.
type Aggregate struct {
	Packets, Bytes uint64
	Flows          uint32
}

// AppendAggregate appends a reply to an aggregate request.
func AppendAggregate(b []byte, xid uint32, a Aggregate) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartReply, xid, MultipartAggregate)
	b = be.AppendUint64(be.AppendUint64(b, a.Packets), a.Bytes)
	return end(zeros(be.AppendUint32(b, a.Flows), 4), start)
}

// ParseAggregate reads the body of an aggregate reply.
func ParseAggregate(body []byte) (Aggregate, error) {
	r := reader{b: body, of: TypeMultipartReply}
	a := Aggregate{Packets: r.u64(), Bytes: r.u64(), Flows: r.u32()}
	return a, r.err()
}
