package controller

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/punt"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// tap shows packets that switches hand over, and those that are sent, to those who watch. While nobody does, it costs one look at a
// number. Packets are noted by whoever has them, which must not wait, and told by the goroutine of who watches.
type tap struct {
	apps map[uint8]string // by id
	// portName names a port; empty: it has no name.
	portName func(host string, number uint32) string

	watched atomic.Int32
	mu      sync.Mutex
	all     []*tapped
}

// tapped is one who watches.
type tapped struct {
	host   string // empty: all
	noted  chan seenPacket
	missed uint64
}

// seenPacket is a packet that was noted.
type seenPacket struct {
	at      time.Time
	host    string
	sent    bool
	match   []byte // of one that came
	forApp  bool
	inPort  uint32 // of one that is sent
	data    []byte
	length  uint32
	actions flow.Actions
	missed  uint64 // before it
}

// tapRoom is how many packets wait for one who watches.
const tapRoom = 1024

// watch calls f with packets until ctx ends, or f fails.
func (t *tap) watch(ctx context.Context, req *weftv1.WatchPacketsRequest, f func(*weftv1.WatchPacketsResponse) error) error {
	w := &tapped{host: req.GetHost(), noted: make(chan seenPacket, tapRoom)}
	t.mu.Lock()
	t.all = append(t.all, w)
	t.mu.Unlock()
	t.watched.Add(1)
	defer func() {
		t.watched.Add(-1)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all = slices.DeleteFunc(t.all, func(o *tapped) bool { return o == w })
	}()
	missed := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p := <-w.noted:
			missed += p.missed
			told, number := t.told(p)
			if req.GetApp() != "" && req.GetApp() != told.GetApp() || req.GetInPort() != "" && req.GetInPort() != told.GetInPort() && req.GetInPort() != number {
				continue
			}
			told.Missed, missed = missed, 0
			if err := f(told); err != nil {
				return err
			}
		}
	}
}

// told is a packet as it is shown, and the number of the port that it came by.
func (t *tap) told(p seenPacket) (told *weftv1.WatchPacketsResponse, number string) {
	told = &weftv1.WatchPacketsResponse{
		Time: timestamppb.New(p.at), Host: p.host, Direction: weftv1.WatchPacketsResponse_DIRECTION_IN, Frame: p.data, Length: max(p.length, uint32(len(p.data))),
	}
	inPort := p.inPort
	if p.sent {
		told.Direction = weftv1.WatchPacketsResponse_DIRECTION_OUT
		told.Actions = p.actions.Text(pipeline.Names(0, func(n uint32) string { return t.portName(p.host, n) }))
	} else {
		seen := &punt.Packet{}
		seen.Match, _ = flow.ParseMatch(p.match) // what cannot be read says nothing
		inPort = uint32(seen.Register(flow.Whole(flow.InPort)))
		if p.forApp {
			app, _ := pipeline.Punted(seen.Register(pipeline.Handler))
			told.App = t.apps[app]
		}
	}
	if inPort == 0 || inPort >= flow.PortMax {
		return told, ""
	}
	number = strconv.FormatUint(uint64(inPort), 10)
	if told.InPort = t.portName(p.host, inPort); told.InPort == "" {
		told.InPort = number
	}
	return told, number
}

// in notes a packet that a switch has handed over.
func (t *tap) in(host string, p *openflow.PacketIn) {
	if t.watched.Load() == 0 {
		return
	}
	t.note(seenPacket{at: time.Now(), host: host, match: slices.Clone(p.Match), forApp: len(p.UserData) > 0, data: slices.Clone(p.Data), length: p.TotalLen})
}

// out notes a packet that is sent.
func (t *tap) out(host string, o punt.Out) {
	if t.watched.Load() == 0 {
		return
	}
	t.note(seenPacket{at: time.Now(), host: host, sent: true, inPort: o.InPort, data: slices.Clone(o.Data), actions: slices.Clone(o.Actions)})
}

func (t *tap) note(p seenPacket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.all {
		if w.host != "" && w.host != p.host {
			continue
		}
		p.missed = w.missed
		select {
		case w.noted <- p:
			w.missed = 0
		default:
			w.missed++
		}
	}
}
