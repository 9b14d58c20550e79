package topology

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

var be = binary.BigEndian

// etherType is that of LLDP (IEEE 802.1AB-2016, section 7.2).
const etherType = 0x88cc

// group is where the frames go: a locally administered group address. The addresses of the standard stop at every bridge
// (IEEE 802.1Q, section 8.6.3), and between a host and its neighbour is the host's own bridge.
var group = flow.MACAddr{0x03, 0x77, 0x65, 0x66, 0x74, 0x01}

// Types of TLVs (IEEE 802.1AB-2016, table 8-1), and subtypes of what they hold.
const (
	tlvEnd, tlvChassis, tlvPort, tlvTTL, tlvOwn = 0, 1, 2, 3, 127

	chassisLocal, portLocal = 7, 7
	ownSubtype              = 1

	ethernetHead = 14
	sealSize     = 16
	ownSize      = 4 + 8 + sealSize // organisation and subtype, epoch, seal
	maxText      = 64
)

// own marks the TLV that is ours: a locally administered identifier in place of an organisation's.
var own = [3]byte{0x02, 0x77, 0x66}

// seal proves that a frame is the controller's: who sends it, and in which of the controller's seconds.
func seal(key []byte, from intent.End, epoch uint64) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(from.Host + "\x00" + from.Port))
	h.Write(be.AppendUint64(nil, epoch))
	return h.Sum(nil)[:sealSize]
}

// frame is what an end sends.
func frame(key []byte, from intent.End, src flow.MACAddr, epoch uint64) []byte {
	b := append(append(append([]byte{}, group[:]...), src[:]...), 0x88, 0xcc)
	text := func(typ, subtype byte, s string) {
		b = append(append(b, typ<<1, byte(1+len(s)), subtype), s...)
	}
	text(tlvChassis, chassisLocal, from.Host)
	text(tlvPort, portLocal, from.Port)
	b = append(b, tlvTTL<<1, 2, 0, byte(lostAfter.Seconds()))
	b = append(append(b, tlvOwn<<1, ownSize), own[:]...)
	b = append(be.AppendUint64(append(b, ownSubtype), epoch), seal(key, from, epoch)...)
	return append(b, tlvEnd, 0)
}

// parse reads a frame that the controller has sent, and refuses what others made up, or sent again later than it was good for.
func parse(key, b []byte, epoch uint64) (from intent.End, ok bool) {
	if len(b) < ethernetHead || be.Uint16(b[12:]) != etherType {
		return from, false
	}
	for b = b[ethernetHead:]; len(b) >= 2; {
		typ, size := b[0]>>1, int(be.Uint16(b)&0x1ff)
		if b = b[2:]; size > len(b) || typ == tlvEnd {
			return from, false
		}
		value := b[:size]
		b = b[size:]
		switch {
		case typ == tlvChassis && 2 <= size && size <= maxText && value[0] == chassisLocal:
			from.Host = string(value[1:])
		case typ == tlvPort && 2 <= size && size <= maxText && value[0] == portLocal:
			from.Port = string(value[1:])
		case typ == tlvOwn && size == ownSize && [3]byte(value) == own && value[3] == ownSubtype:
			sent := be.Uint64(value[4:])
			return from, sent <= epoch && epoch-sent <= goodFor && hmac.Equal(value[12:], seal(key, from, sent))
		}
	}
	return from, false
}
