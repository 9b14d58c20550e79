package sim

import (
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
)

func (s *Switch) applyMeter(m *MeterMod, by *session) error {
	id := m.Meter.ID
	old := s.meters[id]
	switch m.Command {
	case Add, Modify:
		if (m.Command == Add) == (old != nil) {
			return refuse(typeMeterModFailed, uint16(1+m.Command), "meter %d: exists or does not", id)
		}
		bands, err := m.Meter.ParseBands()
		if err != nil {
			return refuse(typeMeterModFailed, 8, "%w", err)
		}
		s.setMeter(id, newMeter(m.Meter, bands, s.cfg.Now()))
	case Delete:
		for other := range s.meters {
			if id == anyGroup || id == other {
				s.dropMetered(other, by)
				s.setMeter(other, nil)
			}
		}
	default:
		return refuse(typeMeterModFailed, 4, "meter-mod command %d", m.Command)
	}
	return nil
}

func (s *Switch) setMeter(id uint32, m *meter) {
	old := s.meters[id]
	put := func(m *meter) {
		if m == nil {
			delete(s.meters, id)
		} else {
			s.meters[id] = m
		}
	}
	put(m)
	s.onFailure(func() { put(old) })
}

// dropMetered removes the flows that a meter limits.
func (s *Switch) dropMetered(id uint32, by *session) {
	for _, r := range s.selectRules(&FlowMod{Command: Delete, Flow: flow.Flow{Key: flow.Key{Table: AllTables}}}) {
		if r.uses(opMeter, id) {
			s.drop(r, removedMeter, by)
		}
	}
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
