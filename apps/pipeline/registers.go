package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// The register map. Registers are zero when a frame enters Classify.
var (
	// Net is the tag of the frame's network (NetworkStatus.tag); Classify sets it, and after that only a router does.
	Net = flow.Sub{ID: flow.Reg0, Off: 0, Len: 32}
	// OutPort is the OpenFlow port of this host to which Deliver hands the frame.
	OutPort = flow.Sub{ID: flow.Reg1, Off: 0, Len: 32}
	// Via is the way that the frame came by: 0 from a port of this host, else 1 + the index of the network's segment. A frame
	// is never sent back by the segment that it came by (split horizon).
	Via = flow.Sub{ID: flow.Reg2, Off: 0, Len: 8}
	// Reason is why the frame is dropped: the number of a Reason, for Dropped.
	Reason = flow.Sub{ID: flow.Reg2, Off: 8, Len: 8}
	// Toward is the way to the frame's destination as table learned knows it: 0 unknown, else 1 + the segment's index.
	Toward = flow.Sub{ID: flow.Reg12, Off: 16, Len: 8}
	// Asked is 1 for a frame that goes to those ports only that asked for its group.
	Asked = flow.Sub{ID: flow.Reg2, Off: 24, Len: 1}
	// Chosen is 1 for a frame to a group of which the members' hosts are chosen one by one: none but those get it.
	Chosen = flow.Sub{ID: flow.Reg12, Off: 24, Len: 1}
	// Large is 1 for a routed packet that is larger than the network that it goes to carries.
	Large = flow.Sub{ID: flow.Reg2, Off: 25, Len: 1}
	// Onward is 1 for a packet that another router of this host has sent on.
	Onward = flow.Sub{ID: flow.Reg2, Off: 26, Len: 1}
	// Said is 1 for a packet that a router says itself, or that it says for who a rejected packet was for: no firewall judges it.
	Said = flow.Sub{ID: flow.Reg2, Off: 27, Len: 1}
	// OneWay is 1 for a packet that came from a wire: its answers are routed on another host, so that connections are not known here.
	OneWay = flow.Sub{ID: flow.Reg2, Off: 28, Len: 1}
	// Dealt is 1 for a packet that a load balancer has given a member. Its sender began the connection, and its answers are not seen here
	// as those of the member.
	Dealt = flow.Sub{ID: flow.Reg2, Off: 29, Len: 1}
	// Heard is 1 for a packet of another host that has been noted in the zones of the routers that it went by.
	Heard = flow.Sub{ID: flow.Reg2, Off: 30, Len: 1}
	// CameBy is the firewall group of the interface by which a packet came to its router, 0 for none. It has the register of OutPort, which
	// is found when a packet has been routed.
	CameBy = flow.Sub{ID: flow.Reg1, Off: 0, Len: 32}
	// LeavesBy is the firewall group of the interface by which it leaves, 0 for none. It has part of the register of Policy: the sender's
	// has been asked then, and the receiver's not.
	LeavesBy = flow.Sub{ID: flow.Reg15, Off: 0, Len: 32}
	// Giant is 1 for a frame of a port that is larger than its network carries. Ports of its host in its network may get it;
	// it goes no further.
	Giant = flow.Sub{ID: flow.Reg12, Off: 25, Len: 1}
	// Shard is the part of a network's local ports to which FloodLocal copies the frame (see apps/l2).
	Shard = flow.Sub{ID: flow.Reg3, Off: 0, Len: 32}
	// Router is the tag of the router that the frame is at (RouterStatus.tag); RouterIn sets it.
	Router = flow.Sub{ID: flow.Reg5, Off: 0, Len: 32}
	// NextHop4 is the IPv4 address that a routed packet goes to next.
	NextHop4 = flow.Sub{ID: flow.Reg6, Off: 0, Len: 32}
	// NextHop6 is the same for IPv6: registers 8 to 11.
	NextHop6 = flow.Sub{ID: flow.XXReg2, Off: 0, Len: 128}
	// OuterTag is the outer VLAN id of a frame that had two.
	OuterTag = flow.Sub{ID: flow.Reg12, Off: 0, Len: 12}
	// Outside is 1 for a packet that came to its router from an external network.
	Outside = flow.Sub{ID: flow.Reg13, Off: 0, Len: 1}
	// Turned is 1 for a packet that table turn had begin anew.
	Turned = flow.Sub{ID: flow.Reg13, Off: 1, Len: 1}
	// Error is 1 for a router's own message to the outside that says what became of a packet from there.
	Error = flow.Sub{ID: flow.Reg13, Off: 2, Len: 1}
	// Handler says for which app a packet to the controller is, with a note to it: see Punt.
	Handler = flow.Sub{ID: flow.Reg13, Off: 16, Len: 16}
	// Inner is the inner label of a frame that is about to go by a label-switched path. It has the register of NextHop4: the
	// next hop has been found when the way of a frame is.
	Inner = flow.Sub{ID: flow.Reg6, Off: 0, Len: 20}
	// Edge is the host at the other end of a label-switched path: of the one that the frame came by in ClassifyLabel and
	// LabelOrigin (0: nobody knows, its transport label is off already), of the one that it goes by in Paths. It has the register of Slot, which is used between those.
	Edge = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}
	// Time is the time to live of a label that has been taken off.
	Time = flow.Sub{ID: flow.Reg13, Off: 8, Len: 8}
	// Balancer is the load balancer that a packet is for (LoadBalancerStatus.tag). It has the register of NextHop4, which is found when
	// the packet has its member.
	Balancer = flow.Sub{ID: flow.Reg6, Off: 0, Len: 32}
	// Part is the hash of a client's address over the members of a pool, and Parted is 1 when it is there.
	Part   = flow.Sub{ID: flow.Reg7, Off: 0, Len: 16}
	Parted = flow.Sub{ID: flow.Reg7, Off: 16, Len: 1}
	// Recalled is 1 when the switch has been asked which member a client had, and Kept is 1 when it knows: Server4 or Server6 is the member's
	// address, and Part its port.
	Recalled = flow.Sub{ID: flow.Reg7, Off: 17, Len: 1}
	Kept     = flow.Sub{ID: flow.Reg7, Off: 18, Len: 1}
	// Given is 1 for a packet whose connection has just been given to a member.
	Given   = flow.Sub{ID: flow.Reg7, Off: 19, Len: 1}
	Server4 = flow.Sub{ID: flow.Reg8, Off: 0, Len: 32}
	Server6 = flow.Sub{ID: flow.XXReg2, Off: 0, Len: 128}
	// LookedUp is 1 for a packet on its way outside whose connection is known not to be a load balancer's, or which has its address.
	LookedUp = flow.Sub{ID: flow.Reg13, Off: 3, Len: 1}
	// Counted is 1 for such a packet that has been counted as its member's.
	Counted = flow.Sub{ID: flow.Reg13, Off: 4, Len: 1}
	// Slot is the hash of a flow over the next hops of a route.
	Slot = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}

	// Policy is what a port's security groups and its administrators' policies come to: the sender's until table resolve, then the
	// receiver's. 0: everything passes.
	Policy = flow.Sub{ID: flow.XReg7, Off: 0, Len: 64}
	// Zone is where the connections of the frame's port are tracked: its network's zone, or its router's. It has the register of Shard:
	// a frame that is copied to many opens no connection, and each copy that is looked up is given its zone anew.
	Zone = flow.Sub{ID: flow.Reg3, Off: 0, Len: 16}
	// Judged is all that is found out while a packet is held against one policy.
	Judged = flow.Sub{ID: flow.Reg4, Off: 0, Len: 8}
	// Outgoing is 1 while rules about what ports send are asked, else those about what they get.
	Outgoing = flow.Sub{ID: flow.Reg4, Off: 0, Len: 1}
	// Decided is 1 when a rule has said what becomes of the packet.
	Decided = flow.Sub{ID: flow.Reg4, Off: 1, Len: 1}
	// Passed is 1 when a rule has left it to the next tier.
	Passed = flow.Sub{ID: flow.Reg4, Off: 2, Len: 1}
	// Refused is 1 when the rule refused the packet.
	Refused = flow.Sub{ID: flow.Reg4, Off: 3, Len: 1}
	// Told is 1 when the sender is to be told of that.
	Told = flow.Sub{ID: flow.Reg4, Off: 4, Len: 1}
	// AsAnswer is 1 while the packet is looked at as the answer to one that rules let through, connections not being tracked.
	AsAnswer = flow.Sub{ID: flow.Reg4, Off: 5, Len: 1}
	// Reported is 1 when the log is to be told of what no rule lets through.
	Reported = flow.Sub{ID: flow.Reg4, Off: 6, Len: 1}
	// AtReceiver is 1 at the receiver's side.
	AtReceiver = flow.Sub{ID: flow.Reg4, Off: 7, Len: 1}
	// Untracked is 1 for packets that rules judge one by one: of protocols that Open vSwitch does not track, and of ports
	// with stateless groups.
	Untracked = flow.Sub{ID: flow.Reg4, Off: 8, Len: 1}
	// Stateless is 1 when the port's groups are.
	Stateless = flow.Sub{ID: flow.Reg4, Off: 9, Len: 1}
	// Tracked is 1 when what is known of the connection is what the sender's side has found.
	Tracked = flow.Sub{ID: flow.Reg4, Off: 10, Len: 1}
	// Fresh is 1 for a packet that opens a connection, until that is remembered.
	Fresh = flow.Sub{ID: flow.Reg4, Off: 11, Len: 1}
	// Lasting are the directions (1: ingress, 2: egress) in which the connection goes on when the rule goes that has let it in.
	Lasting = flow.Sub{ID: flow.Reg4, Off: 12, Len: 2}
	// Vouched is 1 for a packet of a connection that a firewall has let in on this host, in the direction in which it is known.
	Vouched = flow.Sub{ID: flow.Reg4, Off: 14, Len: 1}
	// Step is the part of a list of rules that is asked.
	Step = flow.Sub{ID: flow.Reg4, Off: 16, Len: 16}
	// List is the list of rules that is asked (SecurityGroupStatus.tag). It has the register of NextHop4, as policies are asked
	// before a packet is routed and after that.
	List = flow.Sub{ID: flow.Reg6, Off: 0, Len: 32}
	// Among is the set of addresses among which the other end is sought.
	Among = flow.Sub{ID: flow.Reg7, Off: 0, Len: 32}
	// Peer4 is the IPv4 address of the other end, Peer6 its IPv6 address: registers 8 to 11.
	Peer4 = flow.Sub{ID: flow.Reg8, Off: 0, Len: 32}
	Peer6 = flow.Sub{ID: flow.XXReg2, Off: 0, Len: 128}
	// Entry is the number of what the log is told of a packet (intent.Logged): of the rule that it matches, or of there being none.
	Entry = flow.Sub{ID: flow.Metadata, Off: 0, Len: 64}
	// Opening is the bit of Entry that is 1 where only packets that open a connection are told of.
	Opening = flow.Sub{ID: flow.Metadata, Off: 63, Len: 1}
)

// Parts of ct_label, which a connection keeps that a load balancer has given to a member.
var (
	// LabelServing is the listener and the member: their numbers, see apps/balancer.
	LabelServing = flow.Sub{ID: flow.CTLabel, Off: 0, Len: 64}
	// LabelServed is 1.
	LabelServed = flow.Sub{ID: flow.CTLabel, Off: 64, Len: 1}
)

// Bits of ct_mark, which a connection keeps.
var (
	// MarkCut is 1 for a connection that rules have ended.
	MarkCut = flow.Sub{ID: flow.CTMark, Off: 0, Len: 1}
	// MarkLasting is what Lasting was when it began.
	MarkLasting = flow.Sub{ID: flow.CTMark, Off: 1, Len: 2}
	// MarkVouched is what Vouched was when it began, or became when its answers were let through.
	MarkVouched = flow.Sub{ID: flow.CTMark, Off: 3, Len: 1}
)

// Shared are pairs of registers that have the same bits: what the first one says has been acted on before the second one is set.
var Shared = [][2]string{
	{"outport", "came_by"}, {"policy", "leaves_by"},
	{"nexthop4", "balancer"}, {"inner", "balancer"}, {"list", "balancer"}, {"slot", "part"}, {"slot", "parted"}, {"edge", "part"}, {"edge", "parted"},
	{"slot", "recalled"}, {"slot", "kept"}, {"slot", "given"}, {"edge", "recalled"}, {"edge", "kept"}, {"edge", "given"}, {"among", "recalled"}, {"among", "kept"}, {"among", "given"},
	{"nexthop6", "server4"}, {"nexthop6", "server6"}, {"peer4", "server4"}, {"peer4", "server6"}, {"peer6", "server4"}, {"peer6", "server6"}, {"server4", "server6"},
	{"among", "part"}, {"among", "parted"}, {"nexthop4", "inner"}, {"slot", "edge"}, {"nexthop4", "list"}, {"inner", "list"}, {"slot", "among"}, {"edge", "among"},
	{"nexthop6", "peer4"}, {"nexthop6", "peer6"}, {"peer4", "peer6"}, {"shard", "zone"}, {"judged", "outgoing"}, {"judged", "decided"}, {"judged", "passed"},
	{"judged", "refused"}, {"judged", "told"}, {"judged", "as_answer"}, {"judged", "reported"}, {"judged", "at_receiver"}, {"entry", "opening"},
}

// ViaSegment is Via for frames of a segment.
func ViaSegment(index int) uint64 { return uint64(1 + index) }

// Register is a row of the register map.
type Register struct {
	Name string
	Sub  flow.Sub
	Doc  string
}

// Registers is the register map, for dumps and documentation.
var Registers = []Register{
	{"net", Net, "tag of the frame's network"},
	{"outport", OutPort, "OpenFlow port to deliver to"},
	{"via", Via, "0: a port of this host sent the frame; else 1 + the segment that it came by and is not sent back by"},
	{"toward", Toward, "1 + the segment by which the destination was learned"},
	{"router", Router, "tag of the router that the frame is at"},
	{"nexthop4", NextHop4, "IPv4 address of the next hop"},
	{"nexthop6", NextHop6, "IPv6 address of the next hop"},
	{"balancer", Balancer, "load balancer that the packet is for"},
	{"part", Part, "hash of a client's address over the members of a pool"},
	{"parted", Parted, "1: part is there"},
	{"recalled", Recalled, "1: the switch has been asked which member the client had"},
	{"kept", Kept, "1: it knows; part is the member's port"},
	{"given", Given, "1: the connection has just been given to a member"},
	{"server4", Server4, "IPv4 address of the member that the client had"},
	{"server6", Server6, "IPv6 address of the member that the client had"},
	{"looked_up", LookedUp, "1: a packet on its way outside has the address of its load balancer, or has none"},
	{"counted", Counted, "1: a packet on its way outside has been counted as a member's"},
	{"slot", Slot, "hash of the flow over the next hops of its route"},
	{"outside", Outside, "1: the packet came to its router from an external network"},
	{"turned", Turned, "1: the packet has begun anew, being for an external address on its own host"},
	{"error", Error, "1: the packet is what a router says to the outside of a packet from there"},
	{"handler", Handler, "app that a packet to the controller is for, and a note to it"},
	{"inner", Inner, "inner label of a frame that goes by a label-switched path"},
	{"edge", Edge, "number of the host at the other end of a label-switched path"},
	{"time", Time, "time to live of a label that has been taken off"},
	{"outertag", OuterTag, "outer VLAN id of a frame that had two"},
	{"reason", Reason, "why the frame is dropped"},
	{"asked", Asked, "1: only ports that asked for its group get the frame"},
	{"chosen", Chosen, "1: only hosts with a port that asked for its group get the frame"},
	{"large", Large, "1: the packet is larger than the network that it is routed to carries"},
	{"onward", Onward, "1: another router has sent the packet on"},
	{"said", Said, "1: a router says it itself"},
	{"one_way", OneWay, "1: the packet came from a wire, and its answers do not come by here"},
	{"dealt", Dealt, "1: a load balancer has given the packet a member"},
	{"heard", Heard, "1: the packet has been noted in the zones of the routers that it went by"},
	{"came_by", CameBy, "firewall group of the interface by which the packet came to its router"},
	{"leaves_by", LeavesBy, "firewall group of the interface by which it leaves"},
	{"giant", Giant, "1: the frame is larger than its network carries"},
	{"shard", Shard, "which of the network's local ports a copy is for"},
	{"policy", Policy, "what the port's security groups and policies come to: the sender's, then the receiver's; 0: everything passes"},
	{"zone", Zone, "where the port's connections are tracked: the network's zone, or the router's"},
	{"judged", Judged, "all that is found out while a packet is held against a policy"},
	{"outgoing", Outgoing, "1: rules about what ports send are asked"},
	{"decided", Decided, "1: a rule has said what becomes of the packet"},
	{"passed", Passed, "1: a rule has left it to the next tier"},
	{"refused", Refused, "1: the rule refused the packet"},
	{"told", Told, "1: its sender is to be told"},
	{"as_answer", AsAnswer, "1: the packet is looked at as an answer, connections not being tracked"},
	{"reported", Reported, "1: the log is told of what no rule lets through"},
	{"at_receiver", AtReceiver, "1: at the receiver's side"},
	{"untracked", Untracked, "1: rules judge packets one by one"},
	{"stateless", Stateless, "1: the port's groups are stateless"},
	{"tracked", Tracked, "1: the sender's side has looked the connection up"},
	{"fresh", Fresh, "1: the packet opens a connection, which is not remembered yet"},
	{"lasting", Lasting, "directions (1: ingress, 2: egress) in which the connection outlives its rule"},
	{"vouched", Vouched, "1: a firewall of this host has let the connection in"},
	{"step", Step, "part of a list of rules that is asked"},
	{"list", List, "list of rules that is asked"},
	{"among", Among, "set of addresses among which the other end is sought"},
	{"peer4", Peer4, "IPv4 address of the other end"},
	{"peer6", Peer6, "IPv6 address of the other end"},
	{"entry", Entry, "number of what the log is told of a packet"},
	{"opening", Opening, "1: the log is told only of packets that open a connection"},
}
