package tunnel

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/apps/carry"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
)

// Frames go by one port for all hosts, and BFD (RFC 5880) is a matter of two: each pair of hosts that share a network has a
// port of its own for it on either side, of the same technology, so that what is in the way of the frames is in the way of
// the session too. Open vSwitch gives a packet to the port that names its sender and key before the one that takes any. So
// the session's ports have a key that is no network's, and frames pass them by.
const sessionKey = 0

// meet derives between which hosts frames of a network pass by tunnels: those that take part in one segment, unless neither
// has ports of the network and they only route to it.
func (a app) meet(r *table.Reader, x intent.Attachment, out *compile.Out) {
	segment, ok := a.Segments.Get(r, intent.SegmentKey{Network: x.Network, Index: x.Segment})
	if !ok || !has([]intent.Segment{segment}, nil, carry.Tunnels) {
		return
	}
	sites := a.SitesOf.List(r, x.Network)
	_, own := slices.BinarySearch(sites, x.Host)
	for _, host := range a.AttachedHosts.List(r, segment.Key) {
		if _, theirs := slices.BinarySearch(sites, host); host != x.Host && (own || theirs) {
			compile.Emit(out, a.Ways, intent.Way{HostPair: intent.HostPair{Host: x.Host, Remote: host}, Type: segment.Type})
		}
	}
}

// watch makes one end of the session of two hosts. Of the types of networks that they share, the first by name has it.
func (a app) watch(r *table.Reader, w intent.Way, out *compile.Out) {
	if a.TypesBetween.List(r, w.HostPair)[0] != w.Type {
		return
	}
	by, err := carry.Of(w.Type)
	if err != nil {
		return
	}
	tunneler, ok := by.(carry.Tunneler)
	if !ok {
		return
	}
	own, _ := a.Hosts.Get(r, w.Host)
	remote, _ := a.Hosts.Get(r, w.Remote)
	if !own.TunnelIP.IsValid() || !remote.TunnelIP.IsValid() || own.TunnelIP.Is4() != remote.TunnelIP.Is4() {
		return // arrive and port say so
	}
	t, name := tunneler.Device(), sessionPort(remote.TunnelIP)
	out.Port(w.Host, compile.OVSPort{
		Bridge:  pipeline.Bridge,
		Name:    name,
		Type:    t.Interface,
		Options: a.options(t, fmt.Sprintf("key=%d", sessionKey), "local_ip="+own.TunnelIP.String(), "remote_ip="+remote.TunnelIP.String()),
		BFD:     fmt.Sprintf("enable=true,min_rx=%d,min_tx=%[1]d", a.cfg.BFDInterval),
	})
	compile.Emit(out, a.WatchedWays, intent.WatchedWay{HostPair: w.HostPair, RemoteIP: remote.TunnelIP, Port: name})
}

// sessionPort names the port of the session with a host: the address in 8 hexadecimal digits, or a hash of the longer ones.
func sessionPort(ip netip.Addr) string {
	if ip.Is4() {
		return fmt.Sprintf("weft-bfd-%x", ip.As4())
	}
	h := fnv.New32a()
	b := ip.As16()
	_, _ = h.Write(b[:]) // never fails
	return fmt.Sprintf("weft-bfd-%08x", h.Sum32())
}
