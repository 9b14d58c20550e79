package journal

import (
	"strings"

	"github.com/sirupsen/logrus"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Listener hears entries. What it has not taken yet waits for it.
type Listener struct {
	j      *Journal
	wake   chan struct{} // capacity 1
	wanted func(*weftv1.LogEntry) bool

	// Under the journal's mutex.
	entries []*weftv1.LogEntry
	lost    uint64
}

// Listen returns a listener that hears wanted entries from now on, until it is closed.
func (j *Journal) Listen(wanted func(*weftv1.LogEntry) bool) *Listener {
	l := &Listener{j: j, wake: make(chan struct{}, 1), wanted: wanted}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.listeners[l] = struct{}{}
	return l
}

// Wake receives a value when there is something to take.
func (l *Listener) Wake() <-chan struct{} { return l.wake }

// Take returns what has gathered, and how many entries before that were lost because too many waited.
func (l *Listener) Take() (entries []*weftv1.LogEntry, lost uint64) {
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	entries, lost = l.entries, l.lost
	l.entries, l.lost = nil, 0
	return entries, lost
}

// Close ends it.
func (l *Listener) Close() {
	l.j.mu.Lock()
	defer l.j.mu.Unlock()
	delete(l.j.listeners, l)
}

// tell hands an entry to all who listen. It is theirs to read, and nobody's to change.
func (j *Journal) tell(e *weftv1.LogEntry) {
	j.write(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := e.GetSuppressed(); n > 0 {
		j.suppressed += n
	} else {
		j.entries++
	}
	for l := range j.listeners {
		if !l.wanted(e) {
			continue
		}
		if len(l.entries) >= unread {
			drop := max(len(l.entries)/4, 1)
			l.lost += uint64(drop)
			l.entries = append([]*weftv1.LogEntry(nil), l.entries[drop:]...)
		}
		l.entries = append(l.entries, e)
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// write writes an entry into the program's own log.
func (j *Journal) write(e *weftv1.LogEntry) {
	port := e.GetPort().GetProject() + "/" + e.GetPort().GetName()
	log := j.log.WithFields(logrus.Fields{"host": e.GetHost(), "port": port}).WithTime(e.GetTime().AsTime())
	if n := e.GetSuppressed(); n > 0 {
		log.WithField("packets", n).Info("packets came too fast for the log")
		return
	}
	fields := logrus.Fields{
		"direction": e.GetDirection(), "verdict": e.GetVerdict(),
		"list": strings.ToLower(e.GetList().GetKind()) + "/" + e.GetList().GetProject() + "/" + e.GetList().GetName(),
	}
	if e.GetRule() != "" {
		fields["rule"] = e.GetRule()
	}
	if e.GetMode() == "shadow" {
		fields["mode"] = "shadow"
	}
	for name, value := range headers(e.GetPacket()) {
		fields[name] = value
	}
	log.WithFields(fields).Info("a rule decided on a packet")
}

// headers are what a packet's headers say, as fields of the log.
func headers(p *weftv1.PacketSummary) logrus.Fields {
	f := logrus.Fields{"src": p.GetSrc(), "dst": p.GetDst(), "protocol": p.GetProtocol(), "length": p.GetLength()}
	if p.GetSrcPort()|p.GetDstPort() != 0 {
		f["src_port"], f["dst_port"] = p.GetSrcPort(), p.GetDstPort()
	}
	if p.IcmpType != nil {
		f["icmp_type"], f["icmp_code"] = p.GetIcmpType(), p.GetIcmpCode()
	}
	if p.GetTcpFlags() != "" {
		f["tcp_flags"] = p.GetTcpFlags()
	}
	if p.GetFragment() {
		f["fragment"] = true
	}
	return f
}
