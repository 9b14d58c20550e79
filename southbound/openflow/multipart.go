package openflow

// MultipartType is the type of a multipart message (OpenFlow 1.3, section 7.3.5).
type MultipartType uint16

// Types of multipart messages.
const (
	MultipartDesc          MultipartType = 0
	MultipartFlow          MultipartType = 1
	MultipartAggregate     MultipartType = 2
	MultipartTable         MultipartType = 3
	MultipartPortStats     MultipartType = 4
	MultipartGroupDesc     MultipartType = 7
	MultipartGroupFeatures MultipartType = 8
	MultipartMeterConfig   MultipartType = 10
	MultipartMeterFeatures MultipartType = 11
	MultipartPortDesc      MultipartType = 13
	MultipartExperimenter  MultipartType = 0xffff
)

// MultipartMore says that more messages of the same reply follow.
const MultipartMore uint16 = 1

// Multipart is a multipart request, or one message of a reply. Body is a part of the message.
type Multipart struct {
	Type         MultipartType
	Flags        uint16
	Experimenter uint32 // with MultipartExperimenter
	Subtype      uint32
	Body         []byte
}

// More says whether the reply goes on in another message.
func (p *Multipart) More() bool { return p.Flags&MultipartMore != 0 }

// ParseMultipart reads the head of a multipart message.
func ParseMultipart(m Message) (Multipart, error) {
	r := read(m, TypeMultipartReply, TypeMultipartRequest)
	p := Multipart{Type: MultipartType(r.u16()), Flags: r.u16()}
	r.skip(4)
	if p.Type == MultipartExperimenter {
		p.Experimenter, p.Subtype = r.u32(), r.u32()
	}
	p.Body = r.rest()
	return p, r.err()
}

func beginMultipart(b []byte, t Type, xid uint32, typ MultipartType) []byte {
	return be.AppendUint64(begin(b, t, xid), uint64(typ)<<48)
}

// AppendMultipartRequest appends a request that has no body: desc, port-desc, table, group-desc, group and meter features.
func AppendMultipartRequest(b []byte, xid uint32, typ MultipartType) []byte {
	start := len(b)
	return end(beginMultipart(b, TypeMultipartRequest, xid, typ), start)
}

// Reply writes a multipart reply, in as many messages as it takes. Entries are appended by the Append functions of their
// types.
type Reply struct {
	b     []byte
	start int // of the message being written
	head  int // bytes before the entries
}

// BeginReply begins a reply to a request of a type.
func BeginReply(b []byte, xid uint32, typ MultipartType) *Reply {
	r := &Reply{b: beginMultipart(b, TypeMultipartReply, xid, typ), start: len(b)}
	r.head = len(r.b) - r.start
	return r
}

// BeginExperimenterReply begins a reply of an experimenter's type.
func BeginExperimenterReply(b []byte, xid, experimenter, subtype uint32) *Reply {
	r := &Reply{b: beginMultipart(b, TypeMultipartReply, xid, MultipartExperimenter), start: len(b)}
	r.b = be.AppendUint32(be.AppendUint32(r.b, experimenter), subtype)
	r.head = len(r.b) - r.start
	return r
}

// Entry appends one entry, which must itself fit in a message. When it does not fit in the message begun, that message is
// closed and another one begun.
func (r *Reply) Entry(appendEntry func(b []byte) []byte) {
	at := len(r.b)
	r.b = appendEntry(r.b)
	size := len(r.b) - at
	if len(r.b)-r.start <= MaxMessage || at-r.start == r.head {
		return
	}
	entry := append([]byte(nil), r.b[at:]...)
	r.b = end(r.b[:at], r.start)
	be.PutUint16(r.b[r.start+10:], MultipartMore)
	from := r.start
	r.start = len(r.b)
	r.b = append(r.b, r.b[from:from+r.head]...)
	be.PutUint16(r.b[r.start+10:], 0)
	r.b = append(r.b, entry[:size]...)
}

// End closes the reply and returns the buffer.
func (r *Reply) End() []byte { return end(r.b, r.start) }

// Desc is how a switch describes itself.
type Desc struct {
	Manufacturer, Hardware, Software, Serial, Datapath string
}

// AppendDesc appends a reply to a desc request.
func AppendDesc(b []byte, xid uint32, d *Desc) []byte {
	start := len(b)
	b = beginMultipart(b, TypeMultipartReply, xid, MultipartDesc)
	b = appendText(appendText(appendText(b, d.Manufacturer, 256), d.Hardware, 256), d.Software, 256)
	return end(appendText(appendText(b, d.Serial, 32), d.Datapath, 256), start)
}

// ParseDesc reads the body of a desc reply.
func ParseDesc(body []byte) (Desc, error) {
	r := reader{b: body, of: TypeMultipartReply}
	d := Desc{r.text(256), r.text(256), r.text(256), r.text(32), r.text(256)}
	return d, r.err()
}

// AppendPort appends an entry of a port-desc reply.
func AppendPort(b []byte, p *Port) []byte { return appendPort(b, p) }

// NextPort takes an entry off a port-desc reply.
func NextPort(body []byte) (Port, []byte, error) {
	r := reader{b: body, of: TypeMultipartReply}
	p := r.port()
	return p, r.b, r.err()
}

// TableStats counts what a table did.
type TableStats struct {
	Table            uint8
	Active           uint32
	Lookups, Matches uint64
}

// AppendTableStats appends an entry of a table reply.
func AppendTableStats(b []byte, s TableStats) []byte {
	b = be.AppendUint32(append(b, s.Table, 0, 0, 0), s.Active)
	return be.AppendUint64(be.AppendUint64(b, s.Lookups), s.Matches)
}

// NextTableStats takes an entry off a table reply.
func NextTableStats(body []byte) (TableStats, []byte, error) {
	r := reader{b: body, of: TypeMultipartReply}
	s := TableStats{Table: r.u8()}
	r.skip(3)
	s.Active, s.Lookups, s.Matches = r.u32(), r.u64(), r.u64()
	return s, r.b, r.err()
}
