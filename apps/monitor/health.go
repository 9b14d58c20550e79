package monitor

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
)

// A member that goes down again and again has to answer for longer until it is believed: for each time that it went down without having
// been well for calm in between, but for the first, twice as many probes, up to mostDamping times as many.
const (
	calm        = 10 * time.Minute
	mostDamping = 8
)

// streak is how many probes in a row had the same result, as far as that matters.
type streak struct{ well, failed int }

// judge takes what a probe has found into account.
func (s *streak) judge(h intent.Health, m intent.HealthMonitor, f finding, now time.Time) intent.Health {
	if f.well {
		s.well, s.failed = s.well+1, 0
	} else {
		s.well, s.failed = 0, s.failed+1
	}
	if h.Since.IsZero() {
		h.Since = now
	}
	if h.Falls > 0 && h.State != intent.Dead && now.Sub(h.Fell) >= calm {
		h.Falls = 0
	}
	h.Reason = f.reason
	switch rise := riseOf(h, m); {
	case f.well && h.State == intent.Dead && s.well < rise:
		h.Reason += fmt.Sprintf(" (%d of %d)", s.well, rise)
	case f.well && h.State != intent.Well:
		h.State, h.Since = intent.Well, now
	case !f.well && h.State != intent.Dead && s.failed < m.Fall:
		h.Reason += fmt.Sprintf(" (%d of %d)", s.failed, m.Fall)
	case !f.well && h.State != intent.Dead:
		h.State, h.Since, h.Fell = intent.Dead, now, now
		h.Falls++
	}
	return h
}

// riseOf is how many probes in a row a member must answer until it is up again.
func riseOf(h intent.Health, m intent.HealthMonitor) int {
	damping := 1
	for i := 1; i < h.Falls && damping < mostDamping; i++ {
		damping *= 2
	}
	return m.Rise * damping
}

// at is what a probe probes.
func at(p intent.Probe) netip.AddrPort { return netip.AddrPortFrom(p.To, p.Port) }
