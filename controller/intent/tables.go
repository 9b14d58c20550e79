package intent

import (
	"net/netip"

	"github.com/weft-sdn/weft/controller/table"
)

// Tables are the rows that apps read: what the store holds, what hosts report, and what apps/binding derives from both.
type Tables struct {
	DB *table.DB

	// Written from the store and from what hosts report.
	Networks   *table.Table[Key, Network]
	Segments   *table.Table[SegmentKey, Segment]
	Ports      *table.Table[Key, Port]
	HostFacts  *table.Table[string, HostFact]
	Interfaces *table.Table[InterfaceKey, Interface]
	Mappings   *table.Table[MappingKey, Mapping]
	Subnets    *table.Table[Key, Subnet]
	Routers    *table.Table[Key, Router]
	Routes     *table.Table[RouteKey, Route]
	Trunks     *table.Table[Key, Trunk]
	Subports   *table.Table[Key, Subport] // by port

	RouterInterfaces *table.Table[InterfaceOf, RouterInterface]
	Policies         *table.Table[PolicyKey, Policy]

	Gateways        *table.Table[Key, Gateway]
	FloatingIPs     *table.Table[Key, FloatingIP]
	PortForwardings *table.Table[Key, PortForwarding]
	NATRules        *table.Table[Key, NATRule]

	// Observed: hosts that are not connected, and by apps/neighbour stations that answered.
	Away       *table.Table[Away, Away]
	Neighbours *table.Table[ExternalKey, Neighbour]

	// Derived by apps/nat.
	Placed       *table.Table[Key, Placed]
	Externals    *table.Table[ExternalKey, External]
	Centrals     *table.Table[Central, Central]
	Translations *table.Table[Translation, Translating]

	// Kept by apps/nat: connections that hosts may have.
	Remembered *table.Table[Translation, Translated]

	// Of bare switches and the links between them.
	Links       *table.Table[Key, Link]
	FlowRules   *table.Table[Key, FlowRule]
	Switches    *table.Table[string, Switch]
	SwitchPorts *table.Table[End, SwitchPort]
	Sightings   *table.Table[Sighting, Sighting] // observed by apps/topology
	Adjacencies *table.Table[[2]End, Adjacency]  // derived by apps/topology

	// Of label-switched paths: derived by apps/mpls, and kept by it.
	Demands *table.Table[Demand, Demand]
	Edges   *table.Table[EdgeKey, Edge]
	Paths   *table.Table[PathKey, Path]

	PortsOf      *table.Index[string, End, SwitchPort] // of a bare switch
	LinksBetween *table.Set[[2]End, Key]               // links that were given between two ends
	Labelled     *table.Set[string, bool]              // physical networks that carry networks by labels
	PoppedAt     *table.Set[EdgeKey, bool]             // hosts with paths whose transport label comes off before them
	PathsOf      *table.Index[Demand, PathKey, Path]   // of a pair of hosts

	RuleLists   *table.Table[Key, RuleList]
	AddressSets *table.Table[Key, AddressSet]
	Addresses   *table.Table[AddressOf, AddressOf]

	// Derived by apps/security.
	Guards       *table.Table[Key, Guard] // by port
	PolicySets   *table.Table[uint64, PolicySet]
	PoliciesAt   *table.Table[PolicyAt, PolicyAt]
	ListsAt      *table.Table[ListAt, ListAt]
	SetsAt       *table.Table[SetAt, SetAt]
	GuardedSites *table.Table[GuardedSite, GuardedSite]
	GroupMembers *table.Table[AddressOf, AddressOf] // addresses of the ports of security groups
	Logged       *table.Table[uint64, Logged]       // by number

	SetHosts    *table.Set[Key, string]                 // hosts with rules that name a set of addresses
	GuardedOn   *table.Set[string, bool]                // hosts where rules judge
	AddressesOf *table.Index[Key, AddressOf, AddressOf] // of an address group
	TierLists   *table.Index[Tier, Key, RuleList]       // policies of administrators, by tier

	// FirewallGroups are configured; apps/firewall derives the others.
	FirewallGroups *table.Table[Key, FirewallGroup]
	FirewallsAt    *table.Table[FirewallAt, FirewallAt]
	WalledRouters  *table.Table[WalledRouter, WalledRouter]
	FirewalledOn   *table.Set[string, bool] // hosts with firewalls

	LoadBalancers *table.Table[Key, LoadBalancer]
	PoolListeners *table.Table[Key, PoolListener]
	Pools         *table.Table[Key, Pool]

	HealthMonitors *table.Table[Key, HealthMonitor]
	Healths        *table.Table[HealthKey, Health] // observed by apps/monitor
	Probes         *table.Table[HealthKey, Probe]  // derived by apps/monitor

	MonitorsOf  *table.Index[Key, Key, HealthMonitor] // of a pool: one at most
	DeadMembers *table.Set[Key, string]               // of a pool, those that do not answer
	ProbesOf    *table.Index[Key, HealthKey, Probe]   // of a pool

	// Derived by apps/balancer.
	ClientNetworks *table.Table[ClientNetwork, ClientNetwork]
	Servers        *table.Table[ServedBy, ServedBy]

	BalancersBy *table.Index[Key, Key, LoadBalancer]            // of a port
	ListenersOf *table.Index[Key, Key, PoolListener]            // of a load balancer
	PoolUsers   *table.Index[Key, Key, PoolListener]            // of a pool
	ServersOf   *table.Index[Key, ServedBy, ServedBy]           // of a load balancer
	ClientsOf   *table.Index[Key, ClientNetwork, ClientNetwork] // of a load balancer
	BalancedOn  *table.Set[Key, bool]                           // networks whose ports may be clients of load balancers

	// Observed by apps/mcast.
	Members *table.Table[Member, Member]

	// Derived by apps/mcast.
	Listeners *table.Table[Listener, Listener]
	Heard     *table.Table[Heard, Heard]
	Groups    *table.Table[GroupOf, GroupOf]
	GroupsAt  *table.Table[GroupAt, GroupAt]

	MembersOf   *table.Index[Key, Member, Member]       // of a port
	GroupsOn    *table.Index[Key, GroupOf, GroupOf]     // of a network
	ListenersIn *table.Index[Heard, Listener, Listener] // of a group in a shard
	HeardOn     *table.Set[GroupOf, string]             // hosts with listeners of a group
	HeardAt     *table.Set[GroupAt, uint32]             // shards with listeners of a group on a host

	// Derived by apps/binding.
	Hosts    *table.Table[string, Host]
	Bindings *table.Table[Key, Binding]
	Sites    *table.Table[Site, Site]
	Shards   *table.Table[Shard, Shard]
	Carried  *table.Table[Carried, Carried]

	// Derived by apps/segment.
	Attachments *table.Table[Attachment, Attachment]
	Spans       *table.Table[Key, Span]
	Holds       *table.Table[Held, Held]
	Wires       *table.Table[Wired, Wired]

	AttachedHosts *table.Set[SegmentKey, string] // hosts that take part in a segment
	AttachmentsAt *table.Set[Site, int]          // segments of a network that a host takes part in
	HoldersOf     *table.Set[Key, Holder]        // hosts with ports of a local network, the first one first
	Tunnellers    *table.Set[bool, string]       // hosts with a tunnel address that take orders
	MappedOn      *table.Set[string, string]     // hosts with a bridge for a physical network
	MappedAt      *table.Set[string, string]     // physical networks for which a host has a bridge

	// Derived by apps/tunnel.
	LooseSites  *table.Table[LooseSite, LooseSite]
	Ways        *table.Table[Way, Way]
	WatchedWays *table.Table[HostPair, WatchedWay]

	// Derived by apps/route.
	HomeRouters   *table.Table[HomeRouter, HomeRouter]
	Onwards       *table.Table[Onward, Onward]
	RouterMTUs    *table.Table[RouterMTU, RouterMTU]
	ActiveRouters *table.Table[ActiveRouter, ActiveRouter]
	Reaches       *table.Table[Reach, Reach]
	Routed        *table.Table[Routed, Routed]
	Seats         *table.Table[SeatKey, Seat]

	NeighboursOf *table.Index[Key, ExternalKey, Neighbour]           // of a network
	NetworksBy   *table.Set[uint32, Key]                             // tag
	GatewaysOn   *table.Set[Key, Key]                                // routers with their gateway on a network
	FloatsOf     *table.Set[Key, Key]                                // of a router
	ForwardedTo  *table.Set[Key, netip.Addr]                         // external addresses of a router of which ports are forwarded
	ExternalsOn  *table.Index[Site, ExternalKey, External]           // of a network that a host answers for
	HomeOn       *table.Set[Key, string]                             // hosts with ports of a router's networks
	FedBy        *table.Set[Key, Key]                                // routers that send packets on to a router
	MTUsOf       *table.Set[Key, uint32]                             // MTUs of a router's networks
	PoliciesOf   *table.Index[Key, PolicyKey, Policy]                // of a router
	PortsWith    *table.Index[Station, Key, Port]                    // ports with an address
	PortsSharing *table.Index[Station, Key, Port]                    // ports that may send from one more address
	RoutersWith  *table.Index[Station, InterfaceOf, RouterInterface] // of routers, with an address
	RouterByTag  *table.Index[uint32, Key, Router]

	TypesBetween    *table.Set[HostPair, string]                    // types of the networks that two hosts share
	WatchedFrom     *table.Index[string, HostPair, WatchedWay]      // by the host that watches
	LooseOn         *table.Set[Key, string]                         // hosts from which frames of a network may have any source address
	SubnetsOf       *table.Index[Key, Key, Subnet]                  // of a network
	InterfacesOn    *table.Index[Key, InterfaceOf, RouterInterface] // of routers, on a network
	BoundAt         *table.Index[Place, Key, Binding]               // ports at a place
	ActiveOn        *table.Set[Key, string]                         // hosts where a router is active
	ReachOf         *table.Set[Key, string]                         // hosts where frames of a network may start
	RoutedOn        *table.Set[Key, string]                         // hosts where next hops on a network must be known
	RoutesOf        *table.Index[Key, RouteKey, Route]              // of a router
	InterfacesOf    *table.Index[Key, InterfaceOf, RouterInterface] // of a router
	InterfacesBy    *table.Index[Key, InterfaceOf, RouterInterface] // of routers, by port
	SubportsOf      *table.Index[Key, Key, Subport]                 // of a trunk
	SegmentsOf      *table.Index[Key, SegmentKey, Segment]          // of a network, in order
	InterfacesByID  *table.Index[string, InterfaceKey, Interface]   // by iface-id
	HostsByTunnelIP *table.Set[netip.Addr, string]                  // hosts that claim an address
	SitesOf         *table.Set[Key, string]                         // hosts that have a network
	ShardsAt        *table.Set[Site, uint32]                        // shards of a network's ports on a host
	BoundIn         *table.Index[Shard, Key, Binding]               // ports of a shard
	BoundTo         *table.Index[string, Key, Binding]              // ports of a host
	Open            *table.Set[Key, bool]                           // networks with a port that may send from any MAC address
}

// NewTables makes the tables, empty.
func NewTables() *Tables {
	db := table.NewDB()
	t := &Tables{
		DB:         db,
		Networks:   table.New(db, "network", func(n Network) Key { return n.Key }),
		Segments:   table.New(db, "segment", func(s Segment) SegmentKey { return s.Key }),
		Ports:      table.New(db, "port", func(p Port) Key { return p.Key }),
		HostFacts:  table.New(db, "hostfact", func(h HostFact) string { return h.Name }),
		Interfaces: table.New(db, "interface", func(i Interface) InterfaceKey { return i.Key }),
		Mappings:   table.New(db, "mapping", func(m Mapping) MappingKey { return m.Key }),
		Hosts:      table.New(db, "host", func(h Host) string { return h.Name }),
		Bindings:   table.New(db, "binding", func(b Binding) Key { return b.Port }),
		Sites:      table.New(db, "site", func(s Site) Site { return s }),
		Shards:     table.New(db, "shard", func(s Shard) Shard { return s }),
		Carried:    table.New(db, "carried", func(c Carried) Carried { return c }),
	}
	t.HostFacts.TextFunc(func(name string) string { return "host/" + name })
	t.Subnets = table.New(db, "subnet", func(s Subnet) Key { return s.Key })
	t.Routers = table.New(db, "router", func(r Router) Key { return r.Key })
	t.Routes = table.New(db, "route", func(r Route) RouteKey { return r.Key })
	t.RouterInterfaces = table.New(db, "routerinterface", func(i RouterInterface) InterfaceOf { return i.Key })
	t.ActiveRouters = table.New(db, "activerouter", func(r ActiveRouter) ActiveRouter { return r })
	t.Reaches = table.New(db, "reach", func(r Reach) Reach { return r })
	t.Seats = table.New(db, "seat", func(s Seat) SeatKey { return s.Key })
	t.Routed = table.New(db, "routed", func(r Routed) Routed { return r })
	t.LooseSites = table.New(db, "loosesite", func(s LooseSite) LooseSite { return s })
	t.Ways = table.New(db, "way", func(w Way) Way { return w })
	t.WatchedWays = table.New(db, "watchedway", func(w WatchedWay) HostPair { return w.HostPair })
	t.TypesBetween = table.NewSet(t.Ways, "types of networks between", func(w Way, add func(HostPair, string)) { add(w.HostPair, w.Type) })
	t.WatchedFrom = table.NewIndex(t.WatchedWays, "ways watched by", func(w WatchedWay, add func(string)) { add(w.Host) })
	t.LooseOn = table.NewSet(t.LooseSites, "hosts with any address on", func(s LooseSite, add func(Key, string)) { add(s.Network, s.Host) })
	t.SubnetsOf = table.NewIndex(t.Subnets, "subnets of", func(s Subnet, add func(Key)) { add(s.Network) })
	t.InterfacesOn = table.NewIndex(t.RouterInterfaces, "router interfaces on", func(i RouterInterface, add func(Key)) { add(i.Network) })
	t.BoundAt = table.NewIndex(t.Bindings, "ports at", func(b Binding, add func(Place)) { add(Place{b.Host, b.OFPort}) })
	t.ActiveOn = table.NewSet(t.ActiveRouters, "hosts of", func(r ActiveRouter, add func(Key, string)) { add(r.Router, r.Host) })
	t.ReachOf = table.NewSet(t.Reaches, "hosts that reach", func(r Reach, add func(Key, string)) { add(r.Network, r.Host) })
	t.RoutedOn = table.NewSet(t.Routed, "hosts that route to", func(r Routed, add func(Key, string)) { add(r.Network, r.Host) })
	t.InterfacesOf = table.NewIndex(t.RouterInterfaces, "interfaces of", func(i RouterInterface, add func(Key)) { add(i.Key.Router) })
	t.InterfacesBy = table.NewIndex(t.RouterInterfaces, "router interfaces by", func(i RouterInterface, add func(Key)) {
		if i.Port != (Key{}) {
			add(i.Port)
		}
	})
	t.RoutesOf = table.NewIndex(t.Routes, "routes of", func(r Route, add func(Key)) { add(r.Key.Router) })
	t.Trunks = table.New(db, "trunk", func(t Trunk) Key { return t.Key })
	t.Subports = table.New(db, "subport", func(s Subport) Key { return s.Port })
	t.Subports.TextFunc(func(port Key) string { return "subport " + port.String() })
	t.SubportsOf = table.NewIndex(t.Subports, "subports of", func(s Subport, add func(Key)) { add(s.Trunk) })
	t.segments()
	t.multicast()
	t.translation()
	t.routing()
	t.topology()
	t.security()
	t.firewalls()
	t.balancing()
	t.monitoring()
	t.SegmentsOf = table.NewIndex(t.Segments, "segments of", func(s Segment, add func(Key)) { add(s.Key.Network) })
	t.InterfacesByID = table.NewIndex(t.Interfaces, "interfaces with iface-id", func(i Interface, add func(string)) {
		if i.IfaceID != "" {
			add(i.IfaceID)
		}
	})
	t.HostsByTunnelIP = table.NewSet(t.HostFacts, "hosts with tunnel address", func(h HostFact, add func(netip.Addr, string)) {
		if h.TunnelIP.IsValid() {
			add(h.TunnelIP, h.Name)
		}
	})
	t.SitesOf = table.NewSet(t.Sites, "hosts of", func(s Site, add func(Key, string)) { add(s.Network, s.Host) })
	t.ShardsAt = table.NewSet(t.Shards, "shards of", func(s Shard, add func(Site, uint32)) { add(s.Site, s.Number) })
	t.BoundIn = table.NewIndex(t.Bindings, "ports of", func(b Binding, add func(Shard)) { add(b.Shard()) })
	t.BoundTo = table.NewIndex(t.Bindings, "ports on host", func(b Binding, add func(string)) { add(b.Host) })
	t.Open = table.NewSet(t.Ports, "open ports of", func(p Port, add func(Key, bool)) {
		if p.open() {
			add(p.Network, true)
		}
	})
	return t
}

// segments makes what apps/segment derives, and what it derives that from.
func (t *Tables) segments() {
	t.Attachments = table.New(t.DB, "attachment", func(a Attachment) Attachment { return a })
	t.Spans = table.New(t.DB, "span", func(s Span) Key { return s.Network })
	t.Spans.TextFunc(func(network Key) string { return "bridges between segments of " + network.String() })
	t.Holds = table.New(t.DB, "held", func(h Held) Held { return h })
	t.Wires = table.New(t.DB, "wired", func(w Wired) Wired { return w })
	t.AttachedHosts = table.NewSet(t.Attachments, "hosts at", func(a Attachment, add func(SegmentKey, string)) {
		add(SegmentKey{a.Network, a.Segment}, a.Host)
	})
	t.AttachmentsAt = table.NewSet(t.Attachments, "segments of", func(a Attachment, add func(Site, int)) { add(a.Site(), a.Segment) })
	t.HoldersOf = table.NewSet(t.Holds, "hosts with ports of", func(h Held, add func(Key, Holder)) {
		add(h.Network, Holder{h.Seq, h.Host})
	})
	t.Tunnellers = table.NewSet(t.Hosts, "hosts with tunnels", func(h Host, add func(bool, string)) {
		if h.Up && !h.Unmanaged && h.TunnelIP.IsValid() {
			add(true, h.Name)
		}
	})
	t.MappedOn = table.NewSet(t.Mappings, "hosts with a bridge for", func(m Mapping, add func(string, string)) {
		add(m.Key.Physical, m.Key.Host)
	})
	t.MappedAt = table.NewSet(t.Mappings, "physical networks of", func(m Mapping, add func(string, string)) {
		add(m.Key.Host, m.Key.Physical)
	})
}

// balancing makes what apps/balancer reads and derives.
func (t *Tables) balancing() {
	t.LoadBalancers = table.New(t.DB, "loadbalancer", func(b LoadBalancer) Key { return b.Key })
	t.PoolListeners = table.New(t.DB, "poollistener", func(l PoolListener) Key { return l.Key })
	t.Pools = table.New(t.DB, "pool", func(p Pool) Key { return p.Key })
	t.ClientNetworks = table.New(t.DB, "clientnetwork", func(c ClientNetwork) ClientNetwork { return c })
	t.Servers = table.New(t.DB, "server", func(s ServedBy) ServedBy { return s })
	t.BalancersBy = table.NewIndex(t.LoadBalancers, "load balancers of", func(b LoadBalancer, add func(Key)) { add(b.Port) })
	t.ListenersOf = table.NewIndex(t.PoolListeners, "listeners of", func(l PoolListener, add func(Key)) { add(l.Balancer) })
	t.PoolUsers = table.NewIndex(t.PoolListeners, "listeners with", func(l PoolListener, add func(Key)) {
		if l.Pool != (Key{}) {
			add(l.Pool)
		}
	})
	t.ServersOf = table.NewIndex(t.Servers, "servers of", func(s ServedBy, add func(Key)) { add(s.Balancer) })
	t.ClientsOf = table.NewIndex(t.ClientNetworks, "networks with clients of", func(c ClientNetwork, add func(Key)) { add(c.Balancer) })
	t.BalancedOn = table.NewSet(t.ClientNetworks, "load balancers reached from", func(c ClientNetwork, add func(Key, bool)) { add(c.Network, true) })
}

// security makes what apps/security reads and derives.
func (t *Tables) security() {
	t.RuleLists = table.New(t.DB, "rulelist", func(l RuleList) Key { return l.Key })
	t.AddressSets = table.New(t.DB, "addressset", func(s AddressSet) Key { return s.Key })
	t.Addresses = table.New(t.DB, "address", func(a AddressOf) AddressOf { return a })
	t.Guards = table.New(t.DB, "guard", func(g Guard) Key { return g.Port })
	t.Guards.TextFunc(func(port Key) string { return "policies of " + port.String() })
	t.PolicySets = table.New(t.DB, "policyset", func(p PolicySet) uint64 { return p.ID })
	t.PoliciesAt = table.New(t.DB, "policyat", func(p PolicyAt) PolicyAt { return p })
	t.ListsAt = table.New(t.DB, "listat", func(l ListAt) ListAt { return l })
	t.SetsAt = table.New(t.DB, "setat", func(s SetAt) SetAt { return s })
	t.GuardedSites = table.New(t.DB, "guardedsite", func(s GuardedSite) GuardedSite { return s })
	t.GroupMembers = table.New(t.DB, "groupmember", func(a AddressOf) AddressOf { return a })
	t.Logged = table.New(t.DB, "logged", func(l Logged) uint64 { return l.Number })
	t.SetHosts = table.NewSet(t.SetsAt, "hosts that name", func(s SetAt, add func(Key, string)) { add(s.Set, s.Host) })
	t.GuardedOn = table.NewSet(t.GuardedSites, "policies on", func(s GuardedSite, add func(string, bool)) { add(s.Host, true) })
	t.AddressesOf = table.NewIndex(t.Addresses, "addresses of", func(a AddressOf, add func(Key)) { add(a.Set) })
	t.TierLists = table.NewIndex(t.RuleLists, "policies of tier", func(l RuleList, add func(Tier)) {
		if l.Tier != TierGroups && l.Tier != TierFirewall {
			add(l.Tier)
		}
	})
}

// translation makes what apps/nat reads and derives.
func (t *Tables) translation() {
	db := t.DB
	t.Gateways = table.New(db, "gateway", func(g Gateway) Key { return g.Router })
	t.FloatingIPs = table.New(db, "floatingip", func(f FloatingIP) Key { return f.Key })
	t.PortForwardings = table.New(db, "portforwarding", func(f PortForwarding) Key { return f.Key })
	t.NATRules = table.New(db, "natrule", func(n NATRule) Key { return n.Key })
	t.Away = table.New(db, "away", func(a Away) Away { return a })
	t.Neighbours = table.New(db, "neighbour", func(n Neighbour) ExternalKey { return ExternalKey{n.Network, n.IP} })
	t.Placed = table.New(db, "placed", func(p Placed) Key { return p.Router })
	t.Externals = table.New(db, "external", func(e External) ExternalKey { return ExternalKey{e.Network, e.IP} })
	t.Centrals = table.New(db, "central", func(c Central) Central { return c })
	t.Translations = table.New(db, "translation", func(t Translating) Translation { return t.Translation })
	t.Remembered = table.New(db, "remembered", func(t Translated) Translation { return t.Translation })
	t.GatewaysOn = table.NewSet(t.Gateways, "gateways on", func(g Gateway, add func(Key, Key)) { add(g.Network, g.Router) })
	t.FloatsOf = table.NewSet(t.FloatingIPs, "floating IPs of", func(f FloatingIP, add func(Key, Key)) { add(f.Router, f.Key) })
	t.ForwardedTo = table.NewSet(t.PortForwardings, "forwarded external addresses of", func(f PortForwarding, add func(Key, netip.Addr)) {
		add(f.Router, f.External)
	})
	t.NetworksBy = table.NewSet(t.Networks, "networks with tag", func(n Network, add func(uint32, Key)) { add(n.Tag, n.Key) })
	t.NeighboursOf = table.NewIndex(t.Neighbours, "neighbours on", func(n Neighbour, add func(Key)) { add(n.Network) })
	t.ExternalsOn = table.NewIndex(t.Externals, "external addresses on", func(e External, add func(Site)) { add(Site{e.Network, e.Host}) })
}

// routing makes what apps/route derives, and what it finds routers and next hops by.
func (t *Tables) routing() {
	db := t.DB
	t.Policies = table.New(db, "policyroute", func(p Policy) PolicyKey { return p.Key })
	t.HomeRouters = table.New(db, "homerouter", func(h HomeRouter) HomeRouter { return h })
	t.Onwards = table.New(db, "onward", func(o Onward) Onward { return o })
	t.RouterMTUs = table.New(db, "routermtu", func(m RouterMTU) RouterMTU { return m })
	t.HomeOn = table.NewSet(t.HomeRouters, "hosts with networks of", func(h HomeRouter, add func(Key, string)) { add(h.Router, h.Host) })
	t.FedBy = table.NewSet(t.Onwards, "routers that send on to", func(o Onward, add func(Key, Key)) { add(o.To, o.From) })
	t.MTUsOf = table.NewSet(t.RouterMTUs, "MTUs of", func(m RouterMTU, add func(Key, uint32)) { add(m.Router, m.MTU) })
	t.PoliciesOf = table.NewIndex(t.Policies, "policy routes of", func(p Policy, add func(Key)) { add(p.Key.Router) })
	t.PortsWith = table.NewIndex(t.Ports, "ports with", func(p Port, add func(Station)) {
		for _, ip := range p.IPs {
			add(Station{p.Network, ip})
		}
	})
	t.PortsSharing = table.NewIndex(t.Ports, "ports that share", func(p Port, add func(Station)) {
		for _, pair := range p.Pairs {
			if pair.Prefix.IsSingleIP() {
				add(Station{p.Network, pair.Prefix.Addr()})
			}
		}
	})
	t.RoutersWith = table.NewIndex(t.RouterInterfaces, "routers with", func(i RouterInterface, add func(Station)) { add(Station{i.Network, i.IP}) })
	t.RouterByTag = table.NewIndex(t.Routers, "router numbered", func(r Router, add func(uint32)) { add(r.Tag) })
}

// multicast makes the tables of who listens to which group.
func (t *Tables) multicast() {
	db := t.DB
	t.Members = table.New(db, "member", func(m Member) Member { return m })
	t.Listeners = table.New(db, "listener", func(l Listener) Listener { return l })
	t.Heard = table.New(db, "heard", func(h Heard) Heard { return h })
	t.Groups = table.New(db, "group", func(g GroupOf) GroupOf { return g })
	t.GroupsAt = table.New(db, "groupat", func(g GroupAt) GroupAt { return g })
	t.MembersOf = table.NewIndex(t.Members, "groups of", func(m Member, add func(Key)) { add(m.Port) })
	t.GroupsOn = table.NewIndex(t.Groups, "groups on", func(g GroupOf, add func(Key)) { add(g.Network) })
	t.ListenersIn = table.NewIndex(t.Listeners, "listeners in", func(l Listener, add func(Heard)) { add(Heard{l.Shard, l.Group}) })
	t.HeardOn = table.NewSet(t.Heard, "hosts that hear", func(h Heard, add func(GroupOf, string)) {
		add(GroupOf{h.Shard.Site.Network, h.Group}, h.Shard.Site.Host)
	})
	t.HeardAt = table.NewSet(t.Heard, "shards that hear", func(h Heard, add func(GroupAt, uint32)) {
		add(GroupAt{h.Shard.Site, h.Group}, h.Shard.Number)
	})
}

// open tells whether frames from MAC addresses that the port does not own may come from it.
func (p Port) open() bool {
	if !p.Secure {
		return true
	}
	for _, pair := range p.Pairs {
		if pair.MAC != p.MAC {
			return true
		}
	}
	return false
}
