package nat

import (
	"maps"
	"slices"
	"time"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	// announcements is how often a new place of an address is told, a second apart: what is sent while switches learn may be lost.
	announcements = 3
	// perTick is how many addresses are announced in a second.
	perTick = 256
)

// announcer tells the stations outside which host has an external address now: by gratuitous ARP (RFC 5944, section 4.6), or an
// unsolicited neighbour advertisement (RFC 4861, section 7.2.6).
type announcer struct {
	*intent.Tables
	told map[intent.ExternalKey]*telling
	due  map[intent.ExternalKey]struct{} // changed since, or not told often enough
}

// telling is how often the place of an address was announced.
type telling struct {
	intent.External
	times int
}

func newAnnouncer(t *intent.Tables) *announcer {
	a := &announcer{Tables: t, told: map[intent.ExternalKey]*telling{}, due: map[intent.ExternalKey]struct{}{}}
	t.Externals.Watch(func(k intent.ExternalKey) { a.due[k] = struct{}{} })
	return a
}

// Packet implements punt.Handler: no flow of this app hands packets over.
func (a *announcer) Packet(*punt.Packet, *punt.Outbox) {}

// Tick announces what is due.
func (a *announcer) Tick(_ time.Time, out *punt.Outbox) {
	if len(a.due) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(a.due), func(x, y intent.ExternalKey) int { return x.IP.Compare(y.IP) })
	for _, k := range keys[:min(len(keys), perTick)] {
		if !a.announce(k, out) {
			delete(a.due, k)
		}
	}
}

// announce tells the place of an address, and says whether that is to be done again.
func (a *announcer) announce(k intent.ExternalKey, out *punt.Outbox) bool {
	var r table.Reader // what handlers read is nobody's to remember
	e, ok := a.Externals.Get(&r, k)
	if !ok {
		delete(a.told, k)
		return false
	}
	n, ok := a.Networks.Get(&r, k.Network)
	if !ok {
		return true
	}
	t := a.told[k]
	if t == nil || t.External != e {
		t = &telling{External: e}
		a.told[k] = t
	}
	frame, err := pipeline.Announcement(e.MAC, e.IP)
	if err != nil {
		return false
	}
	if out.Send(e.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: pipeline.SendOn(n.Tag)}) {
		t.times++
	}
	return t.times < announcements
}
