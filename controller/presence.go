package controller

import (
	"time"

	"github.com/weft-sdn/weft/controller/intent"
)

// awayAfter is how long a host is not connected until what can be elsewhere is moved away from it. It is longer than a switch
// waits between two attempts to connect, so that a restart of the controller, or of a switch, moves nothing.
const awayAfter = 10 * time.Second

// presence brings up to date which hosts are away.
func (w *world) presence(now time.Time) {
	for name, h := range w.hosts {
		if h.spec == nil || h.spec.GetUnmanaged() {
			continue
		}
		switch {
		case w.online(name):
			h.seen = now
			w.tables.Away.Delete(intent.Away{Host: name})
		case h.seen.IsZero():
			h.seen = now // it may be about to connect
		case now.Sub(h.seen) >= awayAfter:
			w.tables.Away.Put(intent.Away{Host: name})
		}
	}
}
