package topology

import (
	"crypto/rand"
	"time"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	// lostAfter is how long a link is there after it was last seen. A port that goes down is known at once.
	lostAfter = 4 * time.Second
	// goodFor is how many ticks after it was sent a frame is believed.
	goodFor = 3
	// maxNeighbours is how many others one end may see: more share its wire only by mistake.
	maxNeighbours = 8
)

// finder finds links. What it has found is in rows, which are remembered; what it keeps itself is when they were seen.
type finder struct {
	*intent.Tables
	key   []byte // of the seals; another one after every start
	epoch uint64 // counts ticks
	seen  map[intent.Sighting]time.Time
	deaf  map[string]bool // hosts that could not send at the last tick, and so not be heard either
}

func newFinder(t *intent.Tables) *finder {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &finder{Tables: t, key: key, seen: map[intent.Sighting]time.Time{}, deaf: map[string]bool{}}
}

// Packet implements punt.Handler: an end has received what another one sent.
func (f *finder) Packet(p *punt.Packet, out *punt.Outbox) {
	from, ok := parse(f.key, p.Data, f.epoch)
	if !ok {
		out.Refuse()
		return
	}
	to, ok := f.place(p.Host, p.InPort)
	if !ok || from.Host == to.Host || !f.exists(from) {
		return
	}
	s := intent.Sighting{From: from, To: to}
	if _, known := f.Sightings.Peek(s); !known && f.neighbours(to) >= maxNeighbours {
		out.Refuse()
		return
	}
	f.seen[s] = p.At
	f.Sightings.Put(s)
}

// place returns the end that a port of a host is.
func (f *finder) place(host string, ofport uint32) (intent.End, bool) {
	var r table.Reader // what handlers read is nobody's to remember
	for p := range f.PortsOf.List(&r, host) {
		if p.OFPort == ofport {
			return p.End, true
		}
	}
	mapped := f.MappedAt.List(&r, host)
	for _, physical := range mapped {
		if carry.PatchOFPort(mapped, physical) == ofport {
			return intent.End{Host: host, Port: physical}, true
		}
	}
	return intent.End{}, false
}

// exists tells whether an end is there.
func (f *finder) exists(end intent.End) bool {
	if _, bare := f.SwitchPorts.Peek(end); bare {
		return true
	}
	_, mapped := f.Mappings.Peek(intent.MappingKey{Host: end.Host, Physical: end.Port})
	return mapped
}

func (f *finder) neighbours(to intent.End) int {
	n := 0
	for s := range f.Sightings.Scan() {
		if s.To == to {
			n++
		}
	}
	return n
}

// Tick implements punt.Handler.
func (f *finder) Tick(now time.Time, out *punt.Outbox) {
	f.epoch++
	clear(f.deaf)
	f.send(out)
	f.forget(now)
}

// send has every end that paths may use say where it is.
func (f *finder) send(out *punt.Outbox) {
	for p := range f.SwitchPorts.Scan() {
		if p.Up && !f.deaf[p.End.Host] {
			f.sendBy(out, p.End, p.OFPort, p.MAC)
		}
	}
	var r table.Reader
	for w := range f.Wires.Scan() {
		if f.Labelled.Has(&r, w.Physical, true) && !f.deaf[w.Host] {
			f.sendBy(out, intent.End{Host: w.Host, Port: w.Physical}, carry.PatchOFPort(f.MappedAt.List(&r, w.Host), w.Physical), carry.EdgeMAC(w.Host, w.Physical))
		}
	}
}

func (f *finder) sendBy(out *punt.Outbox, from intent.End, ofport uint32, src flow.MACAddr) {
	sent := out.Send(from.Host, punt.Out{
		InPort: flow.PortController, Actions: flow.Actions{flow.Output(ofport)}, Data: frame(f.key, from, src, f.epoch),
	})
	if !sent {
		f.deaf[from.Host] = true
	}
}

// forget takes away what has not been seen for a while, or is gone. Of a host that is not connected nothing is known, and what
// was known of it stays.
func (f *finder) forget(now time.Time) {
	var gone []intent.Sighting
	for s := range f.Sightings.Scan() {
		at, timed := f.seen[s]
		switch {
		case !f.exists(s.From) || !f.exists(s.To):
			gone = append(gone, s)
		case !timed || f.deaf[s.From.Host] || f.deaf[s.To.Host]:
			f.seen[s] = now
		case now.Sub(at) > lostAfter:
			gone = append(gone, s)
		}
	}
	for _, s := range gone {
		delete(f.seen, s)
		f.Sightings.Delete(s)
	}
}
