package controller

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// world is the tables, the engine over them, and the facts that rows are made from.
//
// Its goroutine takes mu for writing while it changes rows and compiles; whoever reads rows from elsewhere takes it for
// reading.
type world struct {
	log     *logrus.Entry
	inbox   *inbox
	memory  *memory
	packets *punt.Dispatcher
	outbox  *punt.Outbox
	tap     *tap
	logged  func(*punt.Packet) // takes those that the log is told of
	online  func(host string) bool
	board   switchboard
	keepers []compile.Keeper
	points  pipeline.Plan   // where other people's apps have tables
	settled <-chan struct{} // closed when some switch has come further, where a keeper waits for that

	mu       sync.RWMutex
	tables   *intent.Tables
	engine   *compile.Engine
	hosts    map[string]*host    // by system-id
	peers    map[string]struct{} // hosts that never connect
	revision int64               // of the store, up to which rows are current
	seq      uint64              // newest Interface.Seq
	compiled []func()            // to be called after the step at hand
	waiting  []func()            // to be called after the first step that knows of a network
	subjects []string            // what may show another status after the step at hand, beside what rules say

	configured    func(host string, spec *weftv1.HostSpec) // told of hosts that are in the store
	deleted       func(host string)                        // told of hosts that left the store
	statusChanged func(subjects []string)                  // told what may show another status
}

// host is what is known of one host: configured, and observed.
type host struct {
	spec     *weftv1.HostSpec // nil: not in the store
	observed observedHost
	plugged  map[intent.InterfaceKey]struct{}
	mapped   map[string]string // its bridges by physical network, as in the rows
	seen     time.Time         // when it was connected last, or could have been
	online   bool              // a bare switch that is connected
}

// observedHost is what a host said of itself when last seen. It is remembered across restarts of the controller.
type observedHost struct {
	Hostname     string     `json:"hostname,omitempty"`
	TunnelIP     netip.Addr `json:"tunnelIp,omitzero"` // external_ids:weft-encap-ip, or the address it connects from
	OVSVersion   string     `json:"ovsVersion,omitempty"`
	DatapathType string     `json:"datapathType,omitempty"`
	Mappings     string     `json:"bridgeMappings,omitempty"` // external_ids:weft-bridge-mappings
	Bridges      string     `json:"bridges,omitempty"`        // names, in order, with commas between; empty: not known
}

// switchboard is where flows and packets for the switches go.
type switchboard interface {
	compile.Sink
	Send(host string, o punt.Out) bool
	Online(host string) bool
	Session(host string) uint64
	compile.Switches
	Changed() <-chan struct{}
}

// punted takes a packet that a flow hands over. Packets that come by one port for several routers are those of several senders.
func (w *world) punted(p *punt.Packet) {
	p.App, p.Why = pipeline.Punted(p.Register(pipeline.Handler))
	if p.App == pipeline.LogApp {
		w.logged(p)
		return
	}
	p.Of = uint32(p.Register(pipeline.Router))
	w.packets.Offer(p)
}

func newWorld(board switchboard, cfg apps.Config, m *memory, log *logrus.Entry) (*world, error) {
	w := &world{log: log, inbox: newInbox(), memory: m, board: board, online: board.Online, tables: intent.NewTables(), hosts: map[string]*host{}, peers: map[string]struct{}{}}
	w.tap = &tap{apps: map[uint8]string{}, portName: w.portName}
	others, points, err := apps.Build(w.tables, cfg.Others)
	if err != nil {
		return nil, err
	}
	w.points = points
	all := append(apps.All(w.tables, cfg, points.Tables()...), others...)
	handlers := map[uint8]punt.Handler{}
	for _, a := range all {
		if a.Handler != nil {
			handlers[a.ID] = a.Handler
		}
		w.tap.apps[a.ID] = a.Name
		if a.Keeper != nil {
			w.keepers = append(w.keepers, a.Keeper)
		}
	}
	w.packets = punt.NewDispatcher(handlers, punt.Limits{})
	w.outbox = punt.NewOutbox(func(host string, o punt.Out) bool {
		sent := board.Send(host, o)
		if !sent {
			w.packets.Dropped(host, punt.Unsent)
		} else {
			w.tap.out(host, o)
		}
		return sent
	}).Sessions(board.Session)
	remember(m, w.tables.Members)
	remember(m, w.tables.Away)
	remember(m, w.tables.Neighbours)
	remember(m, w.tables.Remembered)
	remember(m, w.tables.Healths)
	w.tables.Healths.Watch(func(k intent.HealthKey) { w.ailing(k.Pool) })
	remember(m, w.tables.SwitchPorts)
	remember(m, w.tables.Sightings)
	remember(m, w.tables.Edges)
	remember(m, w.tables.Paths)
	config := compile.Config{Apps: all, DB: w.tables.DB, Check: pipeline.NewChecker(points.Tables()...), Sink: board, Nowhere: w.unmanaged}
	if len(points.Tables()) > 0 { // asking costs something for each flow
		config.Redirect = w.points.Redirect
	}
	engine, err := compile.New(config)
	w.engine = engine
	return w, err
}

// tick is how often the handlers of packets are told the time.
const tick = time.Second

// run applies what is posted and answers packets, and compiles once for all that has gathered.
func (w *world) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	hurry := time.NewTimer(tick) // until a handler has something to do
	defer hurry.Stop()
	for {
		hurry.Stop()
		if due := w.packets.Due(); !due.IsZero() {
			hurry.Reset(time.Until(due))
		}
		select {
		case <-ctx.Done():
			return
		case <-w.inbox.wake:
			w.step(w.inbox.take())
		case <-w.settled:
			w.step(nil)
		case <-w.packets.Wake():
			w.step([]func(*world){func(w *world) { w.packets.Run(w.outbox) }})
		case now := <-hurry.C:
			w.step([]func(*world){func(w *world) { w.packets.Hurry(now, w.outbox) }})
		case now := <-ticker.C:
			w.step([]func(*world){func(w *world) { w.presence(now); w.packets.Tick(now, w.outbox) }})
		}
	}
}

func (w *world) step(posts []func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, change := range posts {
		change(w)
	}
	w.compile()
	w.keep()
	for _, f := range w.compiled {
		f()
	}
	w.compiled = nil
	if w.tables.Networks.Len() > 0 {
		for _, f := range w.waiting {
			f()
		}
		w.waiting = nil
	}
}

func (w *world) compile() {
	result := w.engine.Step(w.revision)
	for _, p := range result.Problems {
		w.log.WithError(p.Err).WithField("unit", p.Owner).Errorf("a rule failed, and has no output\n%s", p.Stack)
	}
	w.statusChanged(append(result.Subjects, w.subjects...))
	w.subjects = nil
}

// maxKeeps is how often in one step keepers are asked again because something was written. What is left then is for the next.
const maxKeeps = 4

// keep has the keepers decide on what has been compiled, and compiles what they decide. Before the intent has been read, nothing
// is decided: what seems to be wanted by nobody may be.
func (w *world) keep() {
	w.settled = nil
	if w.revision == 0 {
		return
	}
	changed := w.board.Changed() // before the keepers look
	for range maxKeeps {
		wrote := false
		for _, k := range w.keepers {
			did, waits := k.Keep(time.Now(), w.board)
			wrote = wrote || did
			if waits {
				w.settled = changed
			}
		}
		if !wrote {
			return
		}
		w.compile()
	}
}

// replace takes over the whole intent, as read from the store at a revision. What could not be read is not gone: its rows stay.
func (w *world) replace(resources []*weftv1.Resource, unread []intent.Key, revision int64) {
	seen := make(map[intent.Key]bool, len(resources))
	for _, key := range unread {
		seen[key] = true
	}
	for _, res := range resources {
		seen[intent.KeyOf(res)] = true
	}
	for n := range w.tables.Networks.Scan() {
		w.dropUnless(seen, n.Key)
	}
	for p := range w.tables.Ports.Scan() {
		w.dropUnless(seen, p.Key)
	}
	for s := range w.tables.Subnets.Scan() {
		w.dropUnless(seen, s.Key)
	}
	for router := range w.tables.Routers.Scan() {
		w.dropUnless(seen, router.Key)
	}
	for trunk := range w.tables.Trunks.Scan() {
		w.dropUnless(seen, trunk.Key)
	}
	for f := range w.tables.FloatingIPs.Scan() {
		w.dropUnless(seen, f.Key)
	}
	for f := range w.tables.PortForwardings.Scan() {
		w.dropUnless(seen, f.Key)
	}
	for n := range w.tables.NATRules.Scan() {
		w.dropUnless(seen, n.Key)
	}
	for l := range w.tables.RuleLists.Scan() {
		w.dropUnless(seen, l.Key)
	}
	for s := range w.tables.AddressSets.Scan() {
		w.dropUnless(seen, s.Key)
	}
	for g := range w.tables.FirewallGroups.Scan() {
		w.dropUnless(seen, g.Key)
	}
	for b := range w.tables.LoadBalancers.Scan() {
		w.dropUnless(seen, b.Key)
	}
	for l := range w.tables.PoolListeners.Scan() {
		w.dropUnless(seen, l.Key)
	}
	for p := range w.tables.Pools.Scan() {
		w.dropUnless(seen, p.Key)
	}
	for m := range w.tables.HealthMonitors.Scan() {
		w.dropUnless(seen, m.Key)
	}
	for l := range w.tables.Links.Scan() {
		w.dropUnless(seen, l.Key)
	}
	for f := range w.tables.FlowRules.Scan() {
		w.dropUnless(seen, f.Key)
	}
	for name, h := range w.hosts {
		if h.spec != nil {
			w.dropUnless(seen, intent.Key{Kind: intent.KindHost, Name: name})
		}
	}
	for _, res := range resources {
		w.put(res)
	}
	w.revision = revision
}

func (w *world) dropUnless(seen map[intent.Key]bool, key intent.Key) {
	if !seen[key] {
		w.drop(key)
	}
}

// put takes over one resource. A record that cannot be understood keeps the row that was there: what is not known to be
// gone is not taken away.
func (w *world) put(res *weftv1.Resource) {
	var err error
	switch key := intent.KeyOf(res); key.Kind {
	case intent.KindNetwork:
		var row intent.Network
		if row, err = intent.NetworkRow(res); err == nil {
			w.tables.Networks.Put(row)
			w.segments(key, intent.SegmentRows(res))
		}
	case intent.KindPort:
		var row intent.Port
		if row, err = intent.PortRow(res); err == nil {
			w.tables.Ports.Put(row)
		}
	case intent.KindSubnet:
		var row intent.Subnet
		if row, err = intent.SubnetRow(res); err == nil {
			w.tables.Subnets.Put(row)
		}
	case intent.KindRouter:
		err = w.putRouter(res)
	case intent.KindTrunk:
		err = w.putTrunk(res)
	case intent.KindFloatingIP:
		var row intent.FloatingIP
		if row, err = intent.FloatingIPRow(res); err == nil {
			w.tables.FloatingIPs.Put(row)
		}
	case intent.KindPortForwarding:
		var row intent.PortForwarding
		if row, err = intent.PortForwardingRow(res); err == nil {
			w.tables.PortForwardings.Put(row)
		}
	case intent.KindNATRule:
		var row intent.NATRule
		if row, err = intent.NATRuleRow(res); err == nil {
			w.tables.NATRules.Put(row)
		}
	case intent.KindSecurityGroup, intent.KindSecurityPolicy:
		var row intent.RuleList
		if row, err = intent.RuleListRow(res); err == nil {
			w.tables.RuleLists.Put(row)
		}
	case intent.KindFirewallPolicy:
		var row intent.RuleList
		if row, err = intent.FirewallPolicyRow(res); err == nil {
			w.tables.RuleLists.Put(row)
		}
	case intent.KindFirewallGroup:
		var row intent.FirewallGroup
		if row, err = intent.FirewallGroupRow(res); err == nil {
			w.tables.FirewallGroups.Put(row)
		}
	case intent.KindAddressGroup:
		err = w.putAddressGroup(res)
	case intent.KindLoadBalancer:
		var row intent.LoadBalancer
		if row, err = intent.LoadBalancerRow(res); err == nil {
			w.tables.LoadBalancers.Put(row)
		}
	case intent.KindListener:
		var row intent.PoolListener
		if row, err = intent.PoolListenerRow(res); err == nil {
			w.tables.PoolListeners.Put(row)
		}
	case intent.KindPool:
		var row intent.Pool
		if row, err = intent.PoolRow(res); err == nil {
			w.tables.Pools.Put(row)
		}
	case intent.KindHealthMonitor:
		var row intent.HealthMonitor
		if row, err = intent.HealthMonitorRow(res); err == nil {
			w.tables.HealthMonitors.Put(row)
		}
	case intent.KindHost:
		spec := res.GetHostSpec()
		if spec == nil {
			spec = &weftv1.HostSpec{}
		}
		w.host(key.Name).spec = spec
		w.hostFact(key.Name)
		w.configured(key.Name, spec)
	case intent.KindLink:
		w.tables.Links.Put(intent.LinkRow(res))
	case intent.KindFlowRule:
		w.tables.FlowRules.Put(intent.FlowRuleRow(res))
	}
	if err != nil {
		w.log.WithError(err).Error("left out a stored resource")
	}
}

// segments takes over the segments of a network: as many as there are.
func (w *world) segments(network intent.Key, rows []intent.Segment) {
	for _, row := range rows {
		w.tables.Segments.Put(row)
	}
	for i := len(rows); w.tables.Segments.Delete(intent.SegmentKey{Network: network, Index: i}); i++ {
	}
}

// drop forgets one resource.
func (w *world) drop(key intent.Key) {
	switch key.Kind {
	case intent.KindNetwork:
		w.tables.Networks.Delete(key)
		w.segments(key, nil)
	case intent.KindPort:
		w.tables.Ports.Delete(key)
	case intent.KindSubnet:
		w.tables.Subnets.Delete(key)
	case intent.KindRouter:
		w.dropRouter(key)
	case intent.KindTrunk:
		w.dropTrunk(key)
	case intent.KindFloatingIP:
		w.tables.FloatingIPs.Delete(key)
	case intent.KindPortForwarding:
		w.tables.PortForwardings.Delete(key)
	case intent.KindNATRule:
		w.tables.NATRules.Delete(key)
	case intent.KindSecurityGroup, intent.KindSecurityPolicy, intent.KindFirewallPolicy:
		w.tables.RuleLists.Delete(key)
	case intent.KindFirewallGroup:
		w.tables.FirewallGroups.Delete(key)
	case intent.KindAddressGroup:
		w.dropAddressGroup(key)
	case intent.KindLoadBalancer:
		w.tables.LoadBalancers.Delete(key)
	case intent.KindListener:
		w.tables.PoolListeners.Delete(key)
	case intent.KindPool:
		w.tables.Pools.Delete(key)
	case intent.KindHealthMonitor:
		w.tables.HealthMonitors.Delete(key)
	case intent.KindLink:
		w.tables.Links.Delete(key)
	case intent.KindFlowRule:
		w.tables.FlowRules.Delete(key)
	case intent.KindHost:
		w.dropSwitch(key.Name)
		for k := range w.host(key.Name).plugged {
			w.unplug(k)
		}
		w.unmap(key.Name)
		delete(w.hosts, key.Name)
		delete(w.peers, key.Name)
		w.tables.HostFacts.Delete(key.Name)
		w.tables.Away.Delete(intent.Away{Host: key.Name})
		w.memory.forgotten(key.Name)
		w.deleted(key.Name)
	}
}

func (w *world) host(name string) *host {
	h, ok := w.hosts[name]
	if !ok {
		h = &host{plugged: map[intent.InterfaceKey]struct{}{}}
		w.hosts[name] = h
	}
	return h
}

// hostFact brings a host's row up to date. A host has one from when it is in the store: registering it there comes first.
func (w *world) hostFact(name string) {
	h := w.host(name)
	if h.spec == nil {
		return
	}
	if h.spec.GetDatapathId() != "" {
		w.switchFact(name, h)
		return
	}
	fact := intent.HostFact{
		Name: name, TunnelIP: h.observed.TunnelIP,
		Up: h.spec.AdminStateUp == nil || h.spec.GetAdminStateUp(), Unmanaged: h.spec.GetUnmanaged(),
		Popping: intent.PoppingOf(h.spec),
	}
	if ip, err := netip.ParseAddr(h.spec.GetTunnelIp()); err == nil {
		fact.TunnelIP = ip
	}
	if fact.Unmanaged {
		w.peers[name] = struct{}{}
	}
	w.tables.HostFacts.Put(fact)
	w.mappings(name, h)
}

// observe takes over what a host says of itself.
func (w *world) observe(name string, o observedHost) {
	h := w.host(name)
	if h.observed != o {
		h.observed = o
		w.memory.observed(name, o)
	}
	w.hostFact(name)
}

// plug takes over an interface that carries an iface-id.
func (w *world) plug(i intent.Interface) {
	old, had := w.tables.Interfaces.Peek(i.Key)
	i.Seq = old.Seq
	if !had || old.IfaceID != i.IfaceID {
		w.seq++
		i.Seq = w.seq
	}
	if w.tables.Interfaces.Put(i) {
		w.host(i.Key.Host).plugged[i.Key] = struct{}{}
		w.memory.plugged(i)
	}
}

// unplug forgets an interface.
func (w *world) unplug(k intent.InterfaceKey) {
	if w.tables.Interfaces.Delete(k) {
		delete(w.host(k.Host).plugged, k)
		w.memory.unplugged(k)
	}
}

// missing returns the known interfaces of a host that a complete list no longer has.
func (w *world) missing(name string, complete []intent.Interface) []intent.InterfaceKey {
	there := make(map[intent.InterfaceKey]bool, len(complete))
	for _, i := range complete {
		there[i.Key] = true
	}
	var gone []intent.InterfaceKey
	for k := range w.host(name).plugged {
		if !there[k] {
			gone = append(gone, k)
		}
	}
	return gone
}

// after has f called when what has been posted so far is compiled.
func (w *world) after(f func()) { w.compiled = append(w.compiled, f) }

// afterIntent has f called when what has been posted so far is compiled and there is a network. A store that holds none may
// be one that was lost and is about to be restored: what hosts carry is not taken away on its word.
func (w *world) afterIntent(f func()) { w.waiting = append(w.waiting, f) }

// hostSpec returns what is configured for a host; nil for none.
func (w *world) hostSpec(name string) *weftv1.HostSpec {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if h := w.hosts[name]; h != nil {
		return h.spec
	}
	return nil
}

// hostNames returns the names of all hosts in the store.
func (w *world) hostNames() []string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	names := make([]string, 0, len(w.hosts))
	for name, h := range w.hosts {
		if h.spec != nil {
			names = append(names, name)
		}
	}
	return names
}
