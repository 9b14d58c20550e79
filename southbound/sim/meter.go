package sim

import (
	"maps"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

func (s *Switch) applyMeter(m *MeterMod) error {
	id := m.Meter.ID
	old, before := s.meters[id], maps.Clone(s.meters)
	s.onFailure(func() { s.meters = before })
	switch m.Command {
	case Add, Modify:
		if (m.Command == Add) == (old != nil) {
			return refuse(typeMeterModFailed, uint16(1+m.Command), "meter %d: exists or does not", id)
		}
		bands, err := m.Meter.ParseBands()
		if err != nil {
			return refuse(typeMeterModFailed, 8, "%w", err)
		}
		s.meters[id] = newMeter(m.Meter, bands, s.cfg.Now())
	case Delete:
		if id == anyGroup {
			clear(s.meters)
		}
		delete(s.meters, id)
	default:
		return refuse(typeMeterModFailed, 4, "meter-mod command %d", m.Command)
	}
	return nil
}

func newMeter(in flow.Meter, bands []flow.Band, now time.Time) *meter {
	m := &meter{Meter: in, bands: bands, last: now}
	for _, b := range bands {
		m.level = append(m.level, m.burst(b))
	}
	return m
}

// burst is how much may pass at once: what the band says, or one second's worth.
func (m *meter) burst(b flow.Band) float64 {
	if m.Flags&flow.MeterBurst != 0 && b.Burst > 0 {
		return m.unit(float64(b.Burst))
	}
	return m.unit(float64(b.Rate))
}

// unit turns kilobits into bits and leaves packets.
func (m *meter) unit(n float64) float64 {
	if m.Flags&flow.MeterKbps != 0 {
		return n * 1000
	}
	return n
}

// pass says whether a packet may pass, and counts it.
func (m *meter) pass(now time.Time, size int) bool {
	passed := now.Sub(m.last).Seconds()
	m.last = now
	cost := 1.0
	if m.Flags&flow.MeterKbps != 0 {
		cost = float64(8 * size)
	}
	ok := true
	for i, b := range m.bands {
		m.level[i] = min(m.burst(b), m.level[i]+passed*m.unit(float64(b.Rate)))
		if m.level[i] < cost {
			ok = false
			continue
		}
		m.level[i] -= cost
	}
	return ok
}
