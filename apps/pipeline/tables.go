package pipeline

import (
	"strconv"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Numbers of the tables, in the order that frames pass them. They are multiples of four: between them is room for tables of other
// apps.
const (
	Classify        = 0
	ClassifyInner   = 4
	TunnelOrigin    = 8
	WireOrigin      = 16
	ClassifyLabel   = 24
	LabelOrigin     = 28
	SwitchLabels    = 32
	PortSecurity    = 40
	PortSecurityIP  = 44
	PortSecurityND  = 48
	PortSecurityMAC = 52
	Arrived         = 56
	Sent            = 60
	SentTrack       = 64
	SentState       = 68
	SentVerdict     = 72
	Resolve         = 80
	ResolveND       = 88
	RouterIn        = 96
	Untranslate     = 100
	RouterLocal     = 104
	PolicyRoute     = 108
	Route           = 112
	RouteHop        = 116
	Outward         = 120
	RouteSize       = 124
	Neighbour       = 128
	Firewall        = 129
	FirewallTrack   = 130
	FirewallState   = 131
	Balance         = 132
	FirewallVerdict = 133
	FirewallLists   = 134
	PassOn          = 135
	Translate       = 136
	Translated      = 140
	Turn            = 144
	Balanced        = 148
	Recall          = 149
	Tally           = 150
	Hairpin         = 152
	Server          = 156
	L2              = 160
	Members         = 164
	Learned         = 168
	Unknown         = 172
	Flood           = 176
	Answers         = 180
	FloodLocal      = 184
	WireSource      = 188
	Paths           = 192
	AnswerTally     = 194
	Answered        = 196
	Received        = 200
	ReceivedTrack   = 204
	ReceivedState   = 208
	ReceivedVerdict = 212
	Policies        = 216
	RuleLists       = 220
	Remotes         = 224
	Rules           = 228
	Log             = 232
	Deliver         = 240
	ToController    = 244
	Dropped         = 248
)

// Table is a row of the pipeline: what its flows may be.
type Table struct {
	ID    uint8
	Name  string
	Doc   string
	Match []flow.FieldID // fields that flows may match; their prerequisites (eth_type, ip_proto …) are always allowed
	Set   []flow.FieldID // fields that flows may write
	Next  []uint8        // tables that flows may go on to: forward only
	Again uint8          // a table before this one where flows may have a frame begin anew, so that it ends; 0: none
	Miss  Miss           // what happens to a frame that no flow matches
	Apps  []string       // apps that may write here
}

// Miss is what a table does with a frame that no flow matches.
type Miss struct {
	Goto uint8 // 0: drop
}

var (
	arpFields = []flow.FieldID{flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA}
	ndFields  = []flow.FieldID{flow.ICMPv6Type, flow.ICMPv6Code, flow.NDTarget, flow.NDSLL, flow.NDTLL}
	tunFields = []flow.FieldID{flow.TunID, flow.TunSrc, flow.TunDst, flow.TunIPv6Src, flow.TunIPv6Dst}
	// leaveFields are those by which a frame is sent to another host by a tunnel.
	leaveFields = []flow.FieldID{flow.TunID, flow.TunDst, flow.TunIPv6Dst, flow.MPLSLabel, flow.MPLSTTL}
)

// Tables is the pipeline.
var Tables = []Table{
	{
		ID: Classify, Name: "classify",
		Doc:   "Tells from the port, and from a tunnel's id and sender, to which network a frame belongs. Frames of a trunk are taken through the patch port of the subport that has their tag. What comes in by a port that no binding explains is dropped.",
		Match: fields(flow.InPort, flow.VLANVID, flow.EthDst, flow.MPLSLabel, flow.MPLSBOS, tunFields),
		Set:   fields(flow.Reg0, flow.Reg2, flow.Reg3, flow.Reg4, flow.Reg7, flow.Reg12, flow.Reg13, flow.XReg7, flow.VLANVID),
		Next:  []uint8{ClassifyInner, TunnelOrigin, WireOrigin, ClassifyLabel, SwitchLabels, PortSecurity, Resolve, L2, Dropped, ToController},
		Apps:  []string{"l2", "mpls", "topology", "trunk", "tunnel"},
	},
	{
		ID: ClassifyInner, Name: "classify_inner",
		Doc:   "Tells from the inner tag to which network a frame with two tags belongs.",
		Match: fields(flow.InPort, flow.VLANVID, flow.Reg12),
		Set:   fields(flow.Reg0, flow.Reg2),
		Next:  []uint8{WireOrigin},
		Apps:  []string{"l2"},
	},
	{
		ID: TunnelOrigin, Name: "tunnel_origin",
		Doc:   "Lets frames in from the hosts that may send them: a port's address comes from the host where the port is, and from nowhere else.",
		Match: fields(flow.Reg0, flow.Reg2, flow.EthSrc, tunFields),
		Set:   fields(flow.Reg2),
		Next:  []uint8{Arrived, Dropped},
		Apps:  []string{"tunnel"},
	},
	{
		ID: WireOrigin, Name: "wire_origin",
		Doc:   "Lets frames in from physical networks, but for those with the address of a port that is not reached that way, and remembers the addresses that are no port's.",
		Match: fields(flow.Reg0, flow.Reg2, flow.EthSrc, flow.VLANVID),
		Set:   fields(flow.Reg2, flow.EthSrc),
		Next:  []uint8{Arrived, Dropped},
		Apps:  []string{"l2"},
	},
	{
		ID: ClassifyLabel, Name: "classify_label",
		Doc:   "Tells from the inner label to which network a frame belongs that came by a label-switched path, and takes the labels off.",
		Match: fields(flow.InPort, flow.MPLSLabel, flow.MPLSBOS),
		Set:   fields(flow.Reg0, flow.Reg2),
		Next:  []uint8{LabelOrigin, Dropped},
		Apps:  []string{"mpls"},
	},
	{
		ID: LabelOrigin, Name: "label_origin",
		Doc:   "Lets frames in from the paths of the hosts that may send them, as tunnel_origin does for tunnels.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg7, flow.EthSrc),
		Set:   fields(flow.Reg2),
		Next:  []uint8{L2, Dropped},
		Apps:  []string{"mpls"},
	},
	{
		ID: SwitchLabels, Name: "switch_labels",
		Doc:   "Of bare switches that switch labels: gives a frame the label of the next link of its path, and sends it there.",
		Match: fields(flow.InPort, flow.MPLSLabel, flow.MPLSBOS, flow.MPLSTTL),
		Set:   fields(flow.Reg2, flow.Reg13, flow.MPLSLabel, flow.MPLSTTL, flow.EthSrc, flow.EthDst),
		Next:  []uint8{Dropped},
		Apps:  []string{"mpls"},
	},
	{
		ID: PortSecurity, Name: "port_security",
		Doc:   "Lets through what a port sends with its own MAC address, or with one of its allowed address pairs.",
		Match: fields(flow.InPort, flow.EthSrc),
		Set:   fields(flow.Reg2),
		Next:  []uint8{PortSecurityIP, Dropped},
		Apps:  []string{"portsecurity"},
	},
	{
		ID: PortSecurityIP, Name: "port_security_ip",
		Doc:   "Holds IPv4, IPv6 and ARP sender addresses against the port's own and its allowed address pairs.",
		Match: fields(flow.InPort, flow.EthSrc, flow.EthDst, flow.EthType, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.UDPSrc, flow.UDPDst, flow.IPFrag, arpFields, ndFields),
		Set:   fields(flow.Reg2),
		Next:  []uint8{PortSecurityND, Sent, Dropped},
		Miss:  Miss{Goto: Sent},
		Apps:  []string{"base", "portsecurity"},
	},
	{
		ID: PortSecurityND, Name: "port_security_nd",
		Doc:   "Holds the targets of neighbour advertisements against the port's own addresses.",
		Match: fields(flow.InPort, ndFields),
		Set:   fields(flow.Reg2),
		Next:  []uint8{PortSecurityMAC, Dropped},
		Miss:  Miss{Goto: PortSecurityMAC},
		Apps:  []string{"base", "portsecurity"},
	},
	{
		ID: PortSecurityMAC, Name: "port_security_mac",
		Doc:   "Holds the link-layer addresses that neighbour discovery tells against the port's own.",
		Match: fields(flow.InPort, ndFields),
		Set:   fields(flow.Reg2),
		Next:  []uint8{Sent, Dropped},
		Miss:  Miss{Goto: Sent},
		Apps:  []string{"base", "portsecurity"},
	},
	{
		ID: Arrived, Name: "arrived",
		Doc:   "Of the frames from other hosts and from physical networks, takes out those that are for a router's part which only this host has: its gateway, and the floating IPs that are here. Answers of stations that are no ports go to the controller.",
		Match: fields(flow.Reg0, flow.EthDst, arpFields, ndFields),
		Set:   fields(flow.Reg13, flow.Reg2, flow.EthDst),
		Next:  []uint8{Resolve, RouterIn, L2, ToController},
		Miss:  Miss{Goto: L2},
		Apps:  []string{"base", "nat", "neighbour", "route"},
	},
	{
		ID: Sent, Name: "sent",
		Doc:   "Tells by what the policies of the sending port are asked, and in which zone its connections are tracked. Ports without policies are let through, as is what every endpoint needs: ARP, neighbour discovery, multicast listening and DHCP, and answers to health monitors.",
		Match: fields(flow.Reg0, flow.XReg7, flow.EthType, flow.EthDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.ICMPv4Type, flow.ICMPv6Type),
		Set:   fields(flow.Reg3),
		Next:  []uint8{SentTrack, Resolve},
		Miss:  Miss{Goto: Resolve},
		Apps:  []string{"base", "monitor", "security"},
	},
	{
		ID: SentTrack, Name: "sent_track",
		Doc:   "Has the connection looked up, unless the port's groups are stateless or Open vSwitch does not track the protocol.",
		Match: fields(flow.Reg4, flow.EthType, flow.IPProto),
		Set:   fields(flow.Reg4),
		Next:  []uint8{SentState, Resolve},
		Miss:  Miss{Goto: Resolve},
		Apps:  []string{"base", "security"},
	},
	{
		ID: SentState, Name: "sent_state",
		Doc:   "Tells by the connection's state whether rules about what the port sends are asked, or those about what it gets, when this is an answer.",
		Match: fields(flow.Reg4, flow.CTState, flow.EthDst),
		Set:   fields(flow.Reg2, flow.Reg4),
		Next:  []uint8{SentVerdict, Policies, Dropped},
		Apps:  []string{"security"},
	},
	{
		ID: SentVerdict, Name: "sent_verdict",
		Doc:   "Does with a packet what the sender's policies have decided.",
		Match: fields(flow.Reg4, flow.EthType, flow.CTState, flow.CTMark),
		Set:   fields(flow.Reg2, flow.Reg4, flow.Reg13, flow.CTMark),
		Next:  []uint8{Resolve, Log, Dropped, ToController},
		Again: SentVerdict,
		Apps:  []string{"security"},
	},
	{
		ID: Resolve, Name: "resolve",
		Doc:   "Answers ARP requests and neighbour solicitations for the addresses of bound ports, so that they need not be flooded. What ports ask of DHCP and of routers goes to the controller.",
		Match: fields(flow.InPort, flow.Reg0, flow.EthSrc, flow.EthDst, flow.IPv6Src, flow.UDPSrc, flow.UDPDst, arpFields, ndFields),
		Set:   fields(flow.Reg13, flow.InPort, flow.Reg2, flow.EthSrc, flow.EthDst, flow.IPv6Src, flow.IPv6Dst, flow.IPTTL, flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA, flow.NDReserved, flow.NDOptionsType, flow.ICMPv6Type),
		Next:  []uint8{ResolveND, RouterIn, L2, ToController},
		Miss:  Miss{Goto: RouterIn},
		Apps:  []string{"arp", "balancer", "base", "dhcp", "nat", "route"},
	},
	{
		ID: ResolveND, Name: "resolve_nd",
		Doc:   "Second half of a neighbour advertisement: the target link-layer address can be written only once the type is 136.",
		Match: fields(flow.Reg0, ndFields),
		Set:   fields(flow.InPort, flow.Reg2, flow.NDTLL),
		Next:  []uint8{L2},
		Apps:  []string{"arp", "balancer", "nat", "route"},
	},
	{
		ID: RouterIn, Name: "router_in",
		Doc:   "Takes frames with a router's MAC address out of their network and to that router, and those for the addresses of load balancers to these.",
		Match: fields(flow.Reg0, flow.EthDst, flow.IPv4Dst, flow.IPv6Dst),
		Set:   fields(flow.Reg5, flow.Reg13, flow.Reg6, flow.Reg7),
		Next:  []uint8{Untranslate, RouterLocal, L2, Balance},
		Miss:  Miss{Goto: L2},
		Apps:  []string{"balancer", "base", "nat", "route"},
	},
	{
		ID: Untranslate, Name: "untranslate",
		Doc:   "Gives packets from outside the address inside that theirs stands for. What is for no address of the router's is dropped, where the router translates.",
		Match: fields(flow.Reg4, flow.Reg5, flow.EthType, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.TCPDst, flow.UDPDst, flow.SCTPDst),
		Set:   fields(flow.CTMark, flow.Reg4, flow.IPv4Dst, flow.IPv6Dst, flow.SCTPDst),
		Next:  []uint8{RouterLocal},
		Again: Untranslate,
		Apps:  []string{"nat", "security"},
	},
	{
		ID: RouterLocal, Name: "router_local",
		Doc:   "Answers what is meant for the router itself, and drops what no router forwards. Notes by which interface packets came, where that is in a firewall group.",
		Match: fields(flow.Reg0, flow.Reg1, flow.Reg2, flow.Reg5, flow.Reg13, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPTTL, flow.ICMPv4Type, flow.ICMPv4Code, flow.ICMPv6Type, flow.ICMPv6Code),
		Set:   fields(flow.Reg13, flow.InPort, flow.Reg1, flow.Reg2, flow.XXReg2, flow.EthSrc, flow.EthDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPTTL, flow.ICMPv4Type, flow.ICMPv6Type, flow.Reg6, flow.Reg7),
		Next:  []uint8{PolicyRoute, L2, ToController, Balance},
		Again: RouterLocal,
		Miss:  Miss{Goto: PolicyRoute},
		Apps:  []string{"balancer", "base", "firewall", "nat", "route"},
	},
	{
		ID: PolicyRoute, Name: "policy_route",
		Doc:   "Decides by where packets come from, before the routes do.",
		Match: fields(flow.Reg5, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPFrag),
		Set:   fields(flow.Reg13, flow.Reg0, flow.Reg2, flow.Reg6, flow.Reg7, flow.XXReg2, flow.EthSrc),
		Next:  []uint8{Route, RouteHop, Outward, RouteSize, ToController},
		Miss:  Miss{Goto: Route},
		Apps:  []string{"base", "route"},
	},
	{
		ID: Route, Name: "route",
		Doc:   "Finds the longest prefix that holds the destination: the network to leave by, and the next hop.",
		Match: fields(flow.Reg5, flow.IPv4Dst, flow.IPv6Dst, flow.IPFrag),
		Set:   fields(flow.Reg13, flow.Reg0, flow.Reg2, flow.Reg6, flow.Reg7, flow.XXReg2, flow.EthSrc),
		Next:  []uint8{RouteHop, Outward, RouteSize, ToController},
		Apps:  []string{"nat", "route"},
	},
	{
		ID: RouteHop, Name: "route_hop",
		Doc:   "Of a route with several next hops, takes the one whose slot the frame's flow has.",
		Match: fields(flow.Reg5, flow.Reg7, flow.IPv4Dst, flow.IPv6Dst),
		Set:   fields(flow.Reg0, flow.Reg2, flow.Reg6, flow.XXReg2, flow.EthSrc),
		Next:  []uint8{Outward, RouteSize},
		Apps:  []string{"route"},
	},
	{
		ID: Outward, Name: "outward",
		Doc:   "Has packets that go outside leave from here, when the router's gateway or the sender's floating IP is here; others go as they came to the host that has the gateway.",
		Match: fields(flow.Reg5, flow.Reg13, flow.EthType, flow.IPv4Src, flow.IPv6Src),
		Set:   fields(flow.Reg0, flow.Reg2, flow.EthSrc, flow.EthDst),
		Next:  []uint8{RouteSize, Neighbour, L2},
		Apps:  []string{"nat"},
	},
	{
		ID: RouteSize, Name: "route_size",
		Doc:   "Has senders told of packets that are larger than the network that they go to carries.",
		Match: fields(flow.Reg2, flow.Reg5, flow.EthDst),
		Set:   fields(flow.Reg13),
		Next:  []uint8{Neighbour, L2, ToController},
		Miss:  Miss{Goto: Neighbour},
		Apps:  []string{"base", "nat", "route"},
	},
	{
		ID: Neighbour, Name: "neighbour",
		Doc:   "Finds the MAC address of the next hop.",
		Match: fields(flow.Reg0, flow.Reg12, flow.EthType, flow.Reg6, flow.XXReg2),
		Set:   fields(flow.Reg13, flow.Reg2, flow.EthDst),
		Next:  []uint8{Firewall, Dropped, ToController},
		Apps:  []string{"l2", "nat", "neighbour", "route"},
	},
	{
		ID: Firewall, Name: "firewall",
		Doc:   "Tells by which firewall group's interface a packet leaves its router, and in which zone its connection is tracked. What routers without firewalls forward passes, and what routers say themselves.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg5, flow.EthType),
		Set:   fields(flow.Reg3, flow.Reg15),
		Next:  []uint8{FirewallTrack, PassOn},
		Miss:  Miss{Goto: PassOn},
		Apps:  []string{"base", "firewall"},
	},
	{
		ID: FirewallTrack, Name: "firewall_track",
		Doc:   "Has the connection looked up, unless the sender's side has done so, Open vSwitch does not track the protocol, or the answers do not come by this host.",
		Match: fields(flow.Reg1, flow.Reg2, flow.Reg4, flow.Reg15, flow.EthType, flow.IPProto),
		Set:   fields(flow.Reg4),
		Next:  []uint8{FirewallState, PassOn},
		Apps:  []string{"firewall"},
	},
	{
		ID: FirewallState, Name: "firewall_state",
		Doc:   "Tells by the connection's state whether the policies are asked about the packet itself, or about those that it answers.",
		Match: fields(flow.Reg2, flow.Reg4, flow.CTState),
		Set:   fields(flow.Reg2, flow.Reg4),
		Next:  []uint8{FirewallVerdict, FirewallLists, PassOn, Dropped},
		Apps:  []string{"firewall"},
	},
	{
		ID: Balance, Name: "balance",
		Doc:   "Has the connection looked up of a packet for the address of a load balancer, on the host of its sender. Pings are answered. What members answer to health monitors goes to the controller.",
		Match: fields(flow.Reg0, flow.Reg4, flow.Reg6, flow.Reg13, flow.EthType, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.ICMPv4Type, flow.ICMPv4Code, flow.ICMPv6Type, flow.ICMPv6Code),
		Set:   fields(flow.CTMark, flow.Reg3, flow.Reg4, flow.Reg13, flow.InPort, flow.XXReg2, flow.EthSrc, flow.EthDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.IPTTL, flow.ICMPv4Type, flow.ICMPv6Type),
		Next:  []uint8{Balanced, ToController},
		Again: Balance,
		Apps:  []string{"balancer", "monitor", "security"},
	},
	{
		ID: FirewallVerdict, Name: "firewall_verdict",
		Doc:   "Does with a packet what the policies have decided: first that of the interface by which it came, then that of the one by which it leaves.",
		Match: fields(flow.Reg1, flow.Reg2, flow.Reg4, flow.Reg15, flow.EthType, flow.CTState, flow.CTMark),
		Set:   fields(flow.Reg2, flow.Reg4, flow.Reg13, flow.CTMark),
		Next:  []uint8{FirewallLists, PassOn, Dropped, ToController},
		Again: FirewallVerdict,
		Apps:  []string{"firewall"},
	},
	{
		ID: FirewallLists, Name: "firewall_lists",
		Doc:   "Asks the policy of a firewall group: about what comes by its interfaces, or about what leaves by them.",
		Match: fields(flow.Reg1, flow.Reg4, flow.Reg15),
		Set:   fields(flow.Reg4, flow.Reg6),
		Next:  []uint8{RuleLists},
		Apps:  []string{"firewall"},
	},
	{
		ID: PassOn, Name: "pass_on",
		Doc:   "Takes what goes to another router to that one, on this host; that ends, as each router takes one off the packet's time to live.",
		Match: fields(flow.Reg0, flow.Reg4, flow.Reg5, flow.EthDst, flow.EthType),
		Set:   fields(flow.CTMark, flow.Reg1, flow.Reg2, flow.Reg4, flow.Reg5),
		Next:  []uint8{Translate},
		Miss:  Miss{Goto: Translate},
		Again: RouterLocal,
		Apps:  []string{"base", "route"},
	},
	{
		ID: Translate, Name: "translate",
		Doc:   "Gives packets that go outside an address there. Those that claim to have it already are dropped.",
		Match: fields(flow.Reg0, flow.Reg4, flow.Reg5, flow.Reg13, flow.EthType, flow.IPFrag, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.SCTPSrc, flow.CTLabel, flow.CTState),
		Set:   fields(flow.Reg13, flow.CTMark, flow.Reg4, flow.IPv4Src, flow.IPv6Src, flow.SCTPSrc, flow.Reg2, flow.Reg3),
		Next:  []uint8{Translated, Turn, L2, Dropped},
		Miss:  Miss{Goto: L2},
		Again: Translate,
		Apps:  []string{"balancer", "base", "nat", "security"},
	},
	{
		ID: Translated, Name: "translated",
		Doc:   "Lets packets outside that have an address from there, and drops those that could not be translated: no port was free for them, or their connection is not valid. What the router itself says to the outside comes from its own address there.",
		Match: fields(flow.Reg0, flow.Reg5, flow.Reg13, flow.EthType, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.CTState),
		Set:   fields(flow.Reg13, flow.IPv4Src, flow.IPv6Src),
		Next:  []uint8{Turn, ToController},
		Apps:  []string{"nat"},
	},
	{
		ID: Turn, Name: "turn",
		Doc:   "Has packets begin anew as if they came from outside that are for an external address which is on this host itself.",
		Match: fields(flow.Reg0, flow.Reg13, flow.EthDst),
		Set:   fields(flow.InPort, flow.Reg1, flow.Reg13),
		Next:  []uint8{L2},
		Again: RouterIn,
		Miss:  Miss{Goto: L2},
		Apps:  []string{"base", "nat"},
	},
	{
		ID: Balanced, Name: "balanced",
		Doc:   "Gives a new connection to a member of the listener's pool. What is known goes where it went. What nobody serves is rejected.",
		Match: fields(flow.Reg6, flow.Reg7, flow.Reg13, flow.EthType, flow.IPFrag, flow.CTState, flow.CTNwProto, flow.CTTpDst, flow.CTLabel, flow.Reg8, flow.XXReg2, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst),
		Set:   fields(flow.Reg6, flow.Reg7, flow.Reg13, flow.CTLabel),
		Next:  []uint8{Recall, Tally, ToController},
		Again: Balanced,
		Apps:  []string{"balancer"},
	},
	{
		ID: Recall, Name: "recall",
		Doc:   "Knows which members clients had, of pools with session persistence. Its flows are the switch's own: balanced learns them, and they age.",
		Match: fields(flow.Reg6, flow.EthType, flow.IPv4Src, flow.IPv6Src),
		Set:   fields(flow.Reg7, flow.Reg8, flow.XXReg2),
		Apps:  []string{"balancer"},
	},
	{
		ID: Tally, Name: "tally",
		Doc:   "Counts what members get from the clients of listeners.",
		Match: fields(flow.Reg7, flow.CTLabel, flow.CTState),
		Next:  []uint8{Hairpin},
		Miss:  Miss{Goto: Hairpin},
		Apps:  []string{"balancer", "base"},
	},
	{
		ID: Hairpin, Name: "hairpin",
		Doc:   "Has a member that reached itself see the load balancer's address as the client's, so that its answers come back here.",
		Match: fields(flow.Reg6, flow.EthType, flow.CTState, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst),
		Next:  []uint8{Server},
		Apps:  []string{"balancer"},
	},
	{
		ID: Server, Name: "server",
		Doc:   "Sends packets on to the member that its connection has: over the load balancer's own network, or by a router.",
		Match: fields(flow.Reg0, flow.Reg5, flow.EthType, flow.IPv4Dst, flow.IPv6Dst),
		Set:   fields(flow.Reg2, flow.Reg5, flow.EthDst, flow.InPort),
		Next:  []uint8{L2},
		Again: RouterLocal,
		Apps:  []string{"balancer"},
	},
	{
		ID: L2, Name: "l2",
		Doc:   "Decides where a frame goes: known unicast to the one port that has the address, broadcast and multicast to flood. Unknown unicast is dropped, unless the network has physical segments or ports without port security.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg4, flow.Reg12, flow.EthDst),
		Set:   fields(flow.CTMark, flow.Reg1, flow.Reg2, flow.Reg4, flow.XReg7, flow.Reg6, flow.Reg7, flow.Reg12, leaveFields, flow.VLANVID),
		Next:  []uint8{Members, Learned, Unknown, Flood, WireSource, Paths, Received, Deliver, Dropped, Answers},
		Again: L2,
		Apps:  []string{"l2", "mcast", "security"},
	},
	{
		ID: Members, Name: "members",
		Doc:   "Sends IP multicast to the hosts where somebody asked for its group. Groups of the link itself (224.0.0.0/24, ff02::/16) are flooded. What ports say of groups goes to the controller.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg12, flow.IPv4Dst, flow.IPv6Dst, flow.ICMPv6Type),
		Set:   fields(flow.Reg13, flow.Reg2, flow.Reg3, leaveFields),
		Next:  []uint8{Flood, FloodLocal, ToController},
		Miss:  Miss{Goto: Flood},
		Apps:  []string{"base", "mcast"},
	},
	{
		ID: Learned, Name: "learned",
		Doc:   "Knows the way to addresses that are no port's. Its flows are the switch's own: wire_origin and tunnel_origin learn them, and they age.",
		Match: fields(flow.Reg0, flow.EthDst),
		Set:   fields(flow.Reg7, flow.Reg12, flow.TunDst, flow.TunIPv6Dst),
		Apps:  []string{"l2"},
	},
	{
		ID: Unknown, Name: "unknown",
		Doc:   "Sends unicast to addresses that are no port's: where learned says, or else to every place that may have them.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg12),
		Set:   fields(flow.Reg6, flow.Reg7, leaveFields, flow.VLANVID),
		Next:  []uint8{Flood, WireSource, Paths},
		Apps:  []string{"l2"},
	},
	{
		ID: Flood, Name: "flood",
		Doc:   "Copies a frame once to each remote host that has the network, and to the network's local ports by shards.",
		Match: fields(flow.Reg0, flow.Reg2),
		Set:   fields(flow.Reg3, flow.Reg6, flow.Reg7, leaveFields, flow.VLANVID),
		Next:  []uint8{FloodLocal, WireSource, Paths},
		Apps:  []string{"l2"},
	},
	{
		ID: Answers, Name: "answers",
		Doc:   "Of the frames for ports that may be clients of load balancers, has those looked up that come from members: they may be answers of a load balancer.",
		Match: fields(flow.Reg0, flow.Reg4, flow.EthType, flow.IPFrag, flow.IPv4Src, flow.IPv6Src, flow.TCPSrc, flow.UDPSrc, flow.ICMPv4Type, flow.ICMPv6Type),
		Set:   fields(flow.CTMark, flow.Reg3, flow.Reg4),
		Next:  []uint8{AnswerTally, Answered},
		Miss:  Miss{Goto: Answered},
		Apps:  []string{"balancer", "base"},
	},
	{
		ID: FloodLocal, Name: "flood_local",
		Doc:   "Copies a frame to each local port of one shard, or to those that asked for its group. Open vSwitch itself leaves out the port that it came in by.",
		Match: fields(flow.Reg0, flow.Reg2, flow.Reg3, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst),
		Set:   fields(flow.Reg1, flow.Reg4, flow.XReg7),
		Next:  []uint8{Received, Deliver},
		Apps:  []string{"l2", "mcast"},
	},
	{
		ID: WireSource, Name: "wire_source",
		Doc:   "Gives frames of a router that leave by a wire the host's own MAC address, where the router's is another host's: switches outside see each address in one place.",
		Match: fields(flow.Reg0, flow.EthSrc),
		Set:   fields(flow.EthSrc),
		Apps:  []string{"l2"},
	},
	{
		ID: Paths, Name: "paths",
		Doc:   "Puts a frame on the label-switched path to the host in edge, behind the label in inner.",
		Match: fields(flow.Reg7),
		Set:   fields(flow.Reg2, flow.MPLSLabel, flow.MPLSTTL, flow.EthSrc, flow.EthDst),
		Next:  []uint8{Dropped},
		Apps:  []string{"mpls"},
	},
	{
		ID: AnswerTally, Name: "answer_tally",
		Doc:   "Counts what members answer the clients of listeners.",
		Match: fields(flow.CTLabel, flow.CTState),
		Next:  []uint8{Answered},
		Miss:  Miss{Goto: Answered},
		Apps:  []string{"balancer", "base"},
	},
	{
		ID: Answered, Name: "answered",
		Doc:   "Hands frames on to the receiver's policies. What a load balancer answers comes from its MAC address, or from the router's that is between.",
		Match: fields(flow.Reg0, flow.XReg7, flow.EthType, flow.IPv4Src, flow.IPv6Src),
		Set:   fields(flow.EthSrc),
		Next:  []uint8{Received, Deliver},
		Apps:  []string{"balancer"},
	},
	{
		ID: Received, Name: "received",
		Doc:   "Tells in which zone the connections of the receiving port are tracked, and lets through what every endpoint needs and what the controller sends.",
		Match: fields(flow.InPort, flow.Reg0, flow.Reg4, flow.EthType, flow.EthSrc, flow.UDPSrc, flow.UDPDst, flow.ICMPv6Type),
		Set:   fields(flow.Reg3),
		Next:  []uint8{ReceivedTrack, Deliver},
		Apps:  []string{"security"},
	},
	{
		ID: ReceivedTrack, Name: "received_track",
		Doc:   "Has the connection looked up, unless the sender's side has done so, the port's groups are stateless or Open vSwitch does not track the protocol.",
		Match: fields(flow.Reg4, flow.EthType, flow.IPProto),
		Set:   fields(flow.Reg4),
		Next:  []uint8{ReceivedState, Deliver},
		Miss:  Miss{Goto: Deliver},
		Apps:  []string{"base", "security"},
	},
	{
		ID: ReceivedState, Name: "received_state",
		Doc:   "Tells by the connection's state whether rules about what the port gets are asked, or those about what it sends, when this is an answer.",
		Match: fields(flow.Reg4, flow.CTState, flow.EthDst),
		Set:   fields(flow.Reg2, flow.Reg4),
		Next:  []uint8{ReceivedVerdict, Policies, Dropped},
		Apps:  []string{"security"},
	},
	{
		ID: ReceivedVerdict, Name: "received_verdict",
		Doc:   "Does with a packet what the receiver's policies have decided.",
		Match: fields(flow.Reg4, flow.EthType, flow.CTState, flow.CTMark),
		Set:   fields(flow.Reg2, flow.Reg4, flow.Reg13, flow.CTMark),
		Next:  []uint8{Log, Deliver, Dropped, ToController},
		Again: ReceivedVerdict,
		Apps:  []string{"security"},
	},
	{
		ID: Policies, Name: "policies",
		Doc:   "Asks the lists of rules that a policy is made of, tier by tier.",
		Match: fields(flow.Reg4, flow.XReg7),
		Set:   fields(flow.Reg4, flow.Reg6, flow.Metadata),
		Next:  []uint8{RuleLists, Rules},
		Apps:  []string{"security"},
	},
	{
		ID: RuleLists, Name: "rule_lists",
		Doc:   "Asks the rules of a list, step by step: one step for each set of addresses that rules name.",
		Match: fields(flow.Reg4, flow.Reg6, flow.EthType, flow.CTState),
		Set:   fields(flow.Reg4, flow.Reg7, flow.Reg8, flow.XXReg2),
		Next:  []uint8{Remotes, Rules},
		Again: RuleLists,
		Apps:  []string{"security"},
	},
	{
		ID: Remotes, Name: "remotes",
		Doc:   "Holds the addresses of security groups and address groups. A packet whose other end is in the set that is asked for goes on to the rules.",
		Match: fields(flow.Reg7, flow.Reg8, flow.XXReg2, flow.EthType),
		Next:  []uint8{Rules},
		Apps:  []string{"security"},
	},
	{
		ID: Rules, Name: "rules",
		Doc:   "Holds the rules, each once for the host. The first of a list that matches decides.",
		Match: fields(flow.Reg4, flow.Reg6, flow.EthType, flow.IPProto, flow.IPFrag, flow.CTState, flow.CTNwSrc, flow.CTNwDst, flow.CTIPv6Src, flow.CTIPv6Dst, flow.CTNwProto, flow.CTTpSrc, flow.CTTpDst, flow.IPv4Src, flow.IPv4Dst, flow.IPv6Src, flow.IPv6Dst, flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.SCTPSrc, flow.SCTPDst, flow.ICMPv4Type, flow.ICMPv4Code, flow.ICMPv6Type, flow.ICMPv6Code),
		Set:   fields(flow.Reg4, flow.Reg7, flow.Reg8, flow.XXReg2, flow.Metadata),
		Next:  []uint8{Log},
		Again: Remotes,
		Apps:  []string{"security"},
	},
	{
		ID: Log, Name: "log",
		Doc:   "Tells the controller of packets that rules with a log have decided on, of each port by a meter of its own. Of a connection that is let through, that is the first one.",
		Match: fields(flow.InPort, flow.Reg1, flow.Reg4, flow.Metadata),
		Set:   fields(flow.Reg13),
		Apps:  []string{"security"},
	},
	{
		ID: Deliver, Name: "deliver",
		Doc:   "Hands the frame to the port in outport.",
		Match: fields(flow.Reg0, flow.Reg1, flow.Reg2, flow.Reg4, flow.Reg5, flow.EthType, flow.EthSrc),
		Set:   fields(flow.Reg2, flow.CTMark),
		Again: Deliver,
		Apps:  []string{"base", "firewall", "security"},
	},
	{
		ID: ToController, Name: "to_controller",
		Doc:   "Hands packets to the controller, those of each port by a meter of its own, so that none of them keeps the controller from the others.",
		Match: fields(flow.InPort, flow.Reg5, flow.Reg13),
		Apps:  []string{"base", "nat", "neighbour"},
	},
	{
		ID: Dropped, Name: "dropped",
		Doc:   "Counts what was dropped for a reason that operators want to know.",
		Match: fields(flow.Reg2),
		Apps:  []string{"base"},
	},
}

// fields gathers single ids and groups of them.
func fields(parts ...any) []flow.FieldID {
	var ids []flow.FieldID
	for _, p := range parts {
		switch p := p.(type) {
		case flow.FieldID:
			ids = append(ids, p)
		case []flow.FieldID:
			ids = append(ids, p...)
		}
	}
	return ids
}

// TableName returns a table's name, or its number if the pipeline has no such table.
func TableName(id uint8) string {
	for _, t := range Tables {
		if t.ID == id {
			return t.Name
		}
	}
	return strconv.Itoa(int(id))
}
