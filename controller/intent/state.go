package intent

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/controller/alloc"
	"github.com/weft-sdn/weft/southbound/flow"
)

// state is every record with the indexes that validation needs. The catalog's mu guards it.
//
// Invariant: each index is what replacing an empty state's records by these ones, in any order, makes of it. Where stored
// records contradict each other (which no transaction allows), the first one keeps what both claim.
type state struct {
	records  map[Key]*record
	members  map[string]map[Key]struct{} // resources of a project
	networks map[Key]*networkState
	subnets  map[Key]*subnetState
	types    map[space]*typeState
	tags     holders[alloc.ID]
	tagged   alloc.IDs // the same
	tunnels  map[netip.Addr]Key
	behind   map[Key]map[Key]struct{} // ports of an unmanaged host
	trunked  map[Key]Key              // the trunk that a port is in, as parent or as subport
	ported   map[Key]Key              // the router that has a port as an interface
	balanced map[Key]Key              // the load balancer that a port is of
	walled   map[FirewallFace]Key     // the firewall group that an interface of a router is in
	refs     map[Key]map[Key]struct{} // of routers, floating IPs, port forwardings, ports, groups …, by what they refer to
	zones    holders[alloc.ID]        // of connection tracking
	zoned    alloc.IDs                // the same
	lists    holders[alloc.ID]        // numbers of lists of rules, of address groups, of firewall groups, of load balancers and of listeners
	listed   alloc.IDs                // the same
	switches map[uint64]Key           // bare switches by datapath id
	links    map[[2]End]Key
	linked   map[Key]map[Key]struct{} // links of a host

	ungrouped map[string]int // how many ports of a project are in its default group, while there is one
}

// networkState is what belongs to a network, whether it exists or not.
type networkState struct {
	macs   map[flow.MACAddr]Key
	ports  map[Key]struct{}
	blocks []block // sorted by address
}

type block struct {
	prefix netip.Prefix
	subnet Key
}

// subnetState is who holds the addresses of a subnet, whether it exists or not.
type subnetState struct {
	ips       holders[netip.Addr]
	taken     alloc.Addrs // the same
	cursor    netip.Addr  // allocated last
	cursorRev int64
}

// typeState is the numbers of the segments in one space, and the ranges where ids may come from.
type typeState struct {
	ids    holders[alloc.ID]
	taken  alloc.IDs      // the same
	ranges []segmentRange // sorted
}

type segmentRange struct {
	ids alloc.Range[alloc.ID]
	key Key
}

// holders is who holds each of some numbers or addresses.
type holders[T comparable] map[T]Key

// add gives n to key, unless another one has it.
func (h holders[T]) add(n T, key Key, taken interface{ Add(T) bool }) {
	if _, held := h[n]; !held {
		h[n] = key
		taken.Add(n)
	}
}

// remove takes n away from key, if it has it.
func (h holders[T]) remove(n T, key Key, taken interface{ Remove(T) bool }) {
	if h[n] == key {
		delete(h, n)
		taken.Remove(n)
	}
}

func newState() *state {
	s := &state{
		records: map[Key]*record{}, members: map[string]map[Key]struct{}{}, networks: map[Key]*networkState{},
		subnets: map[Key]*subnetState{}, tags: holders[alloc.ID]{}, types: map[space]*typeState{}, tunnels: map[netip.Addr]Key{},
		behind: map[Key]map[Key]struct{}{}, trunked: map[Key]Key{}, ported: map[Key]Key{}, balanced: map[Key]Key{}, walled: map[FirewallFace]Key{}, refs: map[Key]map[Key]struct{}{}, zones: holders[alloc.ID]{},
		switches: map[uint64]Key{}, links: map[[2]End]Key{}, linked: map[Key]map[Key]struct{}{},
		lists: holders[alloc.ID]{}, ungrouped: map[string]int{},
	}
	return s
}

// replace puts a record in place of the one with its key; nil removes that. It returns what was there.
func (s *state) replace(key Key, rec *record) *record {
	old := s.records[key]
	// The record first: what belongs to a subnet is forgotten with it, but not when it only changes.
	if rec != nil {
		s.records[key] = rec
	} else {
		delete(s.records, key)
	}
	if old != nil {
		s.unindex(old)
	}
	if rec != nil {
		s.index(rec)
	}
	return old
}

func (s *state) index(rec *record) {
	if rec.key.Kind.Owned() {
		m := s.members[rec.key.Project]
		if m == nil {
			m = map[Key]struct{}{}
			s.members[rec.key.Project] = m
		}
		m[rec.key] = struct{}{}
	}
	switch f := rec.facts.(type) {
	case *networkFacts:
		s.indexSegments(rec.key, f.segments)
		if f.tag != 0 { // it has one already
			s.tags.add(f.tag, rec.key, &s.tagged)
		}
		s.indexZone(rec.key, f.zone)
		s.indexZone(rec.key, f.balances)
	case *subnetFacts:
		n := s.network(f.network)
		i, _ := n.find(f.block.Addr())
		n.blocks = slices.Insert(n.blocks, i, block{f.block, rec.key})
	case *portFacts:
		s.indexPort(rec.key, f)
	case *routerFacts:
		s.indexRouter(rec.key, f)
	case *trunkFacts:
		s.indexTrunk(rec.key, f)
	case *floatFacts:
		s.indexFloat(rec.key, f)
	case *forwardFacts:
		s.refer(rec.key, f.referents()...)
	case *ruleFacts:
		s.refer(rec.key, f.referents()...)
	case *rangeFacts:
		t := s.changed(f.space)
		i, _ := t.find(f.ids.First)
		t.ranges = slices.Insert(t.ranges, i, segmentRange{f.ids, rec.key})
	case *hostFacts:
		if _, taken := s.tunnels[f.tunnel]; !taken && f.tunnel.IsValid() {
			s.tunnels[f.tunnel] = rec.key
		}
		if _, taken := s.switches[f.datapath]; !taken && f.datapath != 0 {
			s.switches[f.datapath] = rec.key
		}
	case *linkFacts:
		s.indexLink(rec.key, f)
	case *flowRuleFacts:
		s.refer(rec.key, f.host)
	case *listFacts:
		s.indexList(rec.key, f)
	case *setFacts:
		s.lists.add(f.tag, rec.key, &s.listed)
	case *firewallFacts:
		s.indexFirewall(rec.key, f)
	case *balancerFacts:
		s.indexBalancer(rec.key, f)
	case *listenerFacts:
		s.lists.add(f.tag, rec.key, &s.listed)
		s.refer(rec.key, f.referents()...)
	case *monitorFacts:
		s.refer(rec.key, f.pool)
	}
}

func (s *state) indexPort(key Key, f *portFacts) {
	s.indexBehind(key, f)
	s.refer(key, f.groups...)
	if f.secure && len(f.groups) == 0 {
		s.ungrouped[key.Project]++
	}
	n := s.network(f.network)
	n.ports[key] = struct{}{}
	if _, taken := n.macs[f.mac]; !taken && f.mac != (flow.MACAddr{}) {
		n.macs[f.mac] = key
	}
	for _, c := range f.ips {
		n := s.subnet(c.subnet)
		n.ips.add(c.ip, key, &n.taken)
	}
}

func (s *state) unindex(rec *record) {
	if rec.key.Kind.Owned() {
		m := s.members[rec.key.Project]
		if delete(m, rec.key); len(m) == 0 {
			delete(s.members, rec.key.Project)
		}
	}
	switch f := rec.facts.(type) {
	case *networkFacts:
		s.unindexSegments(rec.key, f.segments)
		s.tags.remove(f.tag, rec.key, &s.tagged)
		s.zones.remove(f.zone, rec.key, &s.zoned)
		s.zones.remove(f.balances, rec.key, &s.zoned)
		s.trimNetwork(rec.key)
	case *subnetFacts:
		n := s.network(f.network)
		n.blocks = slices.DeleteFunc(n.blocks, func(b block) bool { return b.subnet == rec.key })
		s.trimNetwork(f.network)
		s.trimSubnet(rec.key)
	case *portFacts:
		s.unindexPort(rec.key, f)
	case *routerFacts:
		s.unindexRouter(rec.key, f)
	case *trunkFacts:
		s.unindexTrunk(rec.key, f)
	case *floatFacts:
		s.unindexFloat(rec.key, f)
	case *forwardFacts:
		s.unrefer(rec.key, f.referents()...)
	case *ruleFacts:
		s.unrefer(rec.key, f.referents()...)
	case *rangeFacts:
		t := s.changed(f.space)
		t.ranges = slices.DeleteFunc(t.ranges, func(r segmentRange) bool { return r.key == rec.key })
		s.trimSpace(f.space)
	case *hostFacts:
		if s.tunnels[f.tunnel] == rec.key {
			delete(s.tunnels, f.tunnel)
		}
		if s.switches[f.datapath] == rec.key {
			delete(s.switches, f.datapath)
		}
	case *linkFacts:
		s.unindexLink(rec.key, f)
	case *flowRuleFacts:
		s.unrefer(rec.key, f.host)
	case *listFacts:
		s.unindexList(rec.key, f)
	case *setFacts:
		s.lists.remove(f.tag, rec.key, &s.listed)
	case *firewallFacts:
		s.unindexFirewall(rec.key, f)
	case *balancerFacts:
		s.unindexBalancer(rec.key, f)
	case *listenerFacts:
		s.lists.remove(f.tag, rec.key, &s.listed)
		s.unrefer(rec.key, f.referents()...)
	case *monitorFacts:
		s.unrefer(rec.key, f.pool)
	}
}

func (s *state) unindexPort(key Key, f *portFacts) {
	s.unindexBehind(key, f)
	s.unrefer(key, f.groups...)
	if f.secure && len(f.groups) == 0 {
		if s.ungrouped[key.Project]--; s.ungrouped[key.Project] == 0 {
			delete(s.ungrouped, key.Project)
		}
	}
	n := s.network(f.network)
	delete(n.ports, key)
	if n.macs[f.mac] == key {
		delete(n.macs, f.mac)
	}
	s.trimNetwork(f.network)
	for _, c := range f.ips {
		n := s.subnet(c.subnet)
		n.ips.remove(c.ip, key, &n.taken)
		s.trimSubnet(c.subnet)
	}
}

// network returns what belongs to a network; trimNetwork forgets it when that is nothing.
func (s *state) network(key Key) *networkState {
	n := s.networks[key]
	if n == nil {
		n = &networkState{macs: map[flow.MACAddr]Key{}, ports: map[Key]struct{}{}}
		s.networks[key] = n
	}
	return n
}

func (s *state) trimNetwork(key Key) {
	if n := s.networks[key]; n != nil && len(n.ports) == 0 && len(n.blocks) == 0 && len(n.macs) == 0 {
		delete(s.networks, key)
	}
}

// subnet returns who holds the addresses of a subnet; trimSubnet forgets that when the subnet is gone and nobody does.
func (s *state) subnet(key Key) *subnetState {
	n := s.subnets[key]
	if n == nil {
		n = &subnetState{ips: holders[netip.Addr]{}}
		s.subnets[key] = n
	}
	return n
}

func (s *state) trimSubnet(key Key) {
	n := s.subnets[key]
	if _, exists := s.records[key]; n != nil && len(n.ips) == 0 && !exists {
		delete(s.subnets, key)
	}
}

// find returns the place of the first block at or after an address, and whether one begins there.
func (n *networkState) find(ip netip.Addr) (int, bool) {
	return slices.BinarySearchFunc(n.blocks, ip, func(b block, ip netip.Addr) int { return b.prefix.Addr().Compare(ip) })
}

// overlapping returns the subnet of the network whose block shares an address with p. Blocks of a network do not overlap,
// so it is the one that begins at or after p, or the one before that.
func (n *networkState) overlapping(p netip.Prefix) (block, bool) {
	i, _ := n.find(p.Addr())
	if i < len(n.blocks) && n.blocks[i].prefix.Overlaps(p) {
		return n.blocks[i], true
	}
	if i > 0 && n.blocks[i-1].prefix.Overlaps(p) {
		return n.blocks[i-1], true
	}
	return block{}, false
}

// find returns the place of the first range at or after an id.
func (t *typeState) find(id alloc.ID) (int, bool) {
	return slices.BinarySearchFunc(t.ranges, id, func(r segmentRange, id alloc.ID) int { return r.ids.First.Compare(id) })
}

// noteCursors remembers the addresses that a port was allocated when it was made, so that the next ones follow them.
func (s *state) noteCursors(rec *record) {
	f, ok := rec.facts.(*portFacts)
	if !ok {
		return
	}
	for _, c := range f.ips {
		n := s.subnets[c.subnet]
		if c.allocated && n != nil && (rec.created > n.cursorRev || rec.created == n.cursorRev && n.cursor.Less(c.ip)) {
			n.cursor, n.cursorRev = c.ip, rec.created
		}
	}
}
