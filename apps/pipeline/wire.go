package pipeline

import (
	"hash/fnv"

	"github.com/weft-sdn/weft/southbound/flow"
)

// wirePrefix begins the MAC addresses by which hosts send what routers forward. It is locally administered.
const wirePrefix = 0x0e

// wireMask is what of such an address says whose router it is; the rest says which host.
var wireMask = flow.MACAddr{0xff, 0xff, 0xf0}

// WireMAC is the source address of frames of a router on a physical network that are sent by a host where the router's own address is
// not: switches outside see each address in one place. 12 bits are of the router's address and 28 of the host's name.
func WireMAC(router flow.MACAddr, host string) flow.MACAddr {
	r, h := sum(router[:]), sum([]byte(host))
	return flow.MACAddr{wirePrefix, byte(r >> 4), byte(r<<4) | byte(h>>24)&0x0f, byte(h >> 16), byte(h >> 8), byte(h)}
}

// FromWireMAC matches frames that some host has sent for a router.
func FromWireMAC(router flow.MACAddr) flow.Field {
	mac := WireMAC(router, "")
	for i := range mac {
		mac[i] &= wireMask[i]
	}
	return flow.MACMasked(flow.EthSrc, mac, wireMask)
}

func sum(what []byte) uint32 {
	h := fnv.New64a()
	_, _ = h.Write(what) // hashing cannot fail
	n := h.Sum64()
	// FNV's upper bits hardly depend on the last letters, which is where names of hosts differ.
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	return uint32(n ^ n>>33)
}

// Nearer returns which of two hosts comes first for something that is on one host: the one with the highest hash of both names (RFC
// 2991), so that such things are spread and a host that goes moves its own only.
func Nearer(what, best, host string) string {
	if best == "" || weight(what, host) > weight(what, best) {
		return host
	}
	return best
}

func weight(what, host string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(what + " " + host)) // hashing cannot fail
	n := h.Sum64()
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	return n ^ n>>33
}
