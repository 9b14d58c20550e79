package flow

import "fmt"

// MeterFlags say what a meter counts (OpenFlow 1.3, section 7.3.4.4).
type MeterFlags uint16

// Flags of meters.
const (
	MeterKbps  MeterFlags = 1 << iota // rates are in kilobits per second
	MeterPktps                        // rates are in packets per second
	MeterBurst                        // bands have a burst size
	MeterStats                        // keep statistics
)

// Meter is a meter in canonical form; meters compare with ==.
type Meter struct {
	ID    uint32
	Flags MeterFlags
	Bands string // canonical OpenFlow 1.3 bands
}

// Band drops what comes faster than its rate. Open vSwitch's userspace datapath has no other bands.
type Band struct {
	Rate  uint32
	Burst uint32 // with MeterBurst; without it a burst as large as the rate is allowed
}

const (
	bandDrop = 1
	bandSize = 16
)

// NewMeter makes a meter.
func NewMeter(id uint32, flags MeterFlags, bands []Band) (Meter, error) {
	if id == 0 || flags&MeterKbps != 0 && flags&MeterPktps != 0 || flags&(MeterKbps|MeterPktps) == 0 {
		return Meter{}, fmt.Errorf("meter %d: flags %#x: %w", id, uint16(flags), ErrBadAction)
	}
	return newMeter(id, flags, bands...), nil
}

// PacketMeter makes a meter that drops what is more than so many packets a second, after a burst. The id must not be 0.
func PacketMeter(id, rate, burst uint32) Meter {
	return newMeter(id, MeterPktps|MeterBurst, Band{rate, burst})
}

func newMeter(id uint32, flags MeterFlags, bands ...Band) Meter {
	b := make([]byte, 0, bandSize*len(bands))
	for _, band := range bands {
		if flags&MeterBurst == 0 {
			band.Burst = band.Rate // what Open vSwitch makes of a band without one
		}
		b = be.AppendUint32(b, bandDrop<<16|bandSize)
		b = be.AppendUint32(b, band.Rate)
		b = zeros(be.AppendUint32(b, band.Burst), 4)
	}
	return Meter{ID: id, Flags: flags, Bands: string(b)}
}

// ParseBands reads the bands back.
func (m Meter) ParseBands() ([]Band, error) {
	var list []Band
	for b := []byte(m.Bands); len(b) > 0; b = b[bandSize:] {
		if len(b) < bandSize || be.Uint16(b[2:]) != bandSize || be.Uint16(b) != bandDrop {
			return nil, fmt.Errorf("meter %d: %w", m.ID, ErrTruncated)
		}
		list = append(list, Band{Rate: be.Uint32(b[4:]), Burst: be.Uint32(b[8:])})
	}
	return list, nil
}
