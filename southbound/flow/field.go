package flow

// FieldID names a field of a packet or of its metadata.
type FieldID uint8

// The fields. Names follow ovs-fields(7).
//
// Invariant: up to Metadata they are in the order in which Open vSwitch writes them in a match; the canonical form rests on
// it. The fields after Metadata are other views of those before: they may be matched, and are then written as what they are
// views of.
const (
	PacketType FieldID = iota + 1
	DPHash
	ConjID
	InPort
	ActsetOutput
	EthSrc
	EthDst
	EthType
	VLANVID
	VLANPCP
	MPLSTC
	MPLSBOS
	MPLSTTL
	MPLSLabel
	IPv4Src
	IPv4Dst
	IPv6Src
	IPv6Dst
	IPFrag
	IPDSCP
	IPECN
	IPTTL
	IPv6Label
	IPProto
	TCPSrc
	TCPDst
	TCPFlags
	UDPSrc
	UDPDst
	SCTPSrc
	SCTPDst
	ICMPv4Type
	ICMPv4Code
	ICMPv6Type
	ICMPv6Code
	NDReserved
	NDTarget
	NDOptionsType
	NDSLL
	NDTLL
	ARPOp
	ARPSPA
	ARPTPA
	ARPSHA
	ARPTHA
	TunID
	TunFlags
	TunSrc
	TunDst
	TunIPv6Src
	TunIPv6Dst
	TunGBPID
	TunGBPFlags
	TunMetadata0
	TunMetadata1
	TunMetadata2
	TunMetadata3
	TunMetadata4
	TunMetadata5
	TunMetadata6
	TunMetadata7
	Reg0
	Reg1
	Reg2
	Reg3
	Reg4
	Reg5
	Reg6
	Reg7
	Reg8
	Reg9
	Reg10
	Reg11
	Reg12
	Reg13
	Reg14
	Reg15
	PktMark
	CTState
	CTZone
	CTMark
	CTLabel
	CTNwSrc
	CTIPv6Src
	CTNwDst
	CTIPv6Dst
	CTNwProto
	CTTpSrc
	CTTpDst
	Metadata
	VLANTCI
	InPort16 // the port's OpenFlow 1.0 number
	XReg0
	XReg1
	XReg2
	XReg3
	XReg4
	XReg5
	XReg6
	XReg7
	XXReg0
	XXReg1
	XXReg2
	XXReg3
	fieldEnd
)

// format is how ovs-ofctl writes a value.
type format uint8

const (
	decimal format = iota
	hexadecimal
	ethernet
	ipv4
	ipv6
	port
	ctState
	tcpFlags
	tunFlags
	frag
	packetType
)

// need is what a field presupposes in the same match.
type need uint8

const (
	needNothing need = iota
	needVLAN
	needMPLS
	needIPv4
	needIPv6
	needIP // either
	needARP
	needTCP
	needUDP
	needSCTP
	needICMPv4
	needICMPv6
	needND
	needNDSolicit
	needNDAdvert
	needCT // a tracked packet; not checked here
)

// fieldInfo is a row of the field table.
type fieldInfo struct {
	name         string
	class        uint16
	field        uint8
	experimenter uint32 // with class 0xffff
	size         uint8  // bytes on the wire
	bits         uint8  // bits that may be set
	masks        maskable
	writes       writable
	need         need
	format       format
}

type (
	maskable bool
	writable bool
)

const (
	exact  maskable = false
	masked maskable = true
	ro     writable = false
	rw     writable = true
)

// OXM classes (nicira-ext.h, OpenFlow 1.3 section 7.2.3.3).
const (
	classNXM0         = 0x0000
	classNXM1         = 0x0001
	classEricsson     = 0x1000
	classBasic        = 0x8000
	classPacketRegs   = 0x8001
	classExperimenter = 0xffff

	experimenterONF    = 0x4f4e4600
	experimenterNicira = 0x00002320
)

// fieldTable drives the codec, the text form and the checks. It is never written.
var fieldTable = [fieldEnd]fieldInfo{
	PacketType:    {"packet_type", classBasic, 44, 0, 4, 32, exact, ro, needNothing, packetType},
	DPHash:        {"dp_hash", classNXM1, 35, 0, 4, 32, masked, ro, needNothing, hexadecimal},
	ConjID:        {"conj_id", classNXM1, 37, 0, 4, 32, exact, ro, needNothing, decimal},
	InPort:        {"in_port", classBasic, 0, 0, 4, 32, exact, rw, needNothing, port},
	ActsetOutput:  {"actset_output", classExperimenter, 43, experimenterONF, 4, 32, exact, ro, needNothing, port},
	EthSrc:        {"dl_src", classBasic, 4, 0, 6, 48, masked, rw, needNothing, ethernet},
	EthDst:        {"dl_dst", classBasic, 3, 0, 6, 48, masked, rw, needNothing, ethernet},
	EthType:       {"dl_type", classBasic, 5, 0, 2, 16, exact, ro, needNothing, hexadecimal},
	VLANVID:       {"vlan_vid", classBasic, 6, 0, 2, 13, masked, rw, needNothing, decimal},
	VLANPCP:       {"vlan_pcp", classBasic, 7, 0, 1, 3, exact, rw, needVLAN, decimal},
	MPLSTC:        {"mpls_tc", classBasic, 35, 0, 1, 3, exact, rw, needMPLS, decimal},
	MPLSBOS:       {"mpls_bos", classBasic, 36, 0, 1, 1, exact, ro, needMPLS, decimal},
	MPLSTTL:       {"mpls_ttl", classNXM1, 30, 0, 1, 8, exact, rw, needMPLS, decimal},
	MPLSLabel:     {"mpls_label", classBasic, 34, 0, 4, 20, exact, rw, needMPLS, decimal},
	IPv4Src:       {"nw_src", classBasic, 11, 0, 4, 32, masked, rw, needIPv4, ipv4},
	IPv4Dst:       {"nw_dst", classBasic, 12, 0, 4, 32, masked, rw, needIPv4, ipv4},
	IPv6Src:       {"ipv6_src", classBasic, 26, 0, 16, 128, masked, rw, needIPv6, ipv6},
	IPv6Dst:       {"ipv6_dst", classBasic, 27, 0, 16, 128, masked, rw, needIPv6, ipv6},
	IPFrag:        {"ip_frag", classNXM1, 26, 0, 1, 2, masked, ro, needIP, frag},
	IPDSCP:        {"ip_dscp", classBasic, 8, 0, 1, 6, exact, rw, needIP, decimal},
	IPECN:         {"nw_ecn", classBasic, 9, 0, 1, 2, exact, rw, needIP, decimal},
	IPTTL:         {"nw_ttl", classNXM1, 29, 0, 1, 8, exact, rw, needIP, decimal},
	IPProto:       {"nw_proto", classBasic, 10, 0, 1, 8, exact, ro, needIP, decimal},
	TCPSrc:        {"tcp_src", classBasic, 13, 0, 2, 16, masked, rw, needTCP, decimal},
	TCPDst:        {"tcp_dst", classBasic, 14, 0, 2, 16, masked, rw, needTCP, decimal},
	TCPFlags:      {"tcp_flags", classExperimenter, 42, experimenterONF, 2, 12, masked, ro, needTCP, tcpFlags},
	UDPSrc:        {"udp_src", classBasic, 15, 0, 2, 16, masked, rw, needUDP, decimal},
	UDPDst:        {"udp_dst", classBasic, 16, 0, 2, 16, masked, rw, needUDP, decimal},
	SCTPSrc:       {"sctp_src", classBasic, 17, 0, 2, 16, masked, rw, needSCTP, decimal},
	SCTPDst:       {"sctp_dst", classBasic, 18, 0, 2, 16, masked, rw, needSCTP, decimal},
	ICMPv4Type:    {"icmp_type", classBasic, 19, 0, 1, 8, exact, rw, needICMPv4, decimal},
	ICMPv4Code:    {"icmp_code", classBasic, 20, 0, 1, 8, exact, rw, needICMPv4, decimal},
	ICMPv6Type:    {"icmpv6_type", classBasic, 29, 0, 1, 8, exact, rw, needICMPv6, decimal},
	ICMPv6Code:    {"icmpv6_code", classBasic, 30, 0, 1, 8, exact, rw, needICMPv6, decimal},
	IPv6Label:     {"ipv6_label", classBasic, 28, 0, 4, 20, masked, rw, needIPv6, hexadecimal},
	NDTarget:      {"nd_target", classBasic, 31, 0, 16, 128, masked, rw, needND, ipv6},
	NDReserved:    {"nd_reserved", classEricsson, 1, 0, 4, 32, exact, rw, needND, decimal},
	NDOptionsType: {"nd_options_type", classEricsson, 2, 0, 1, 8, exact, rw, needND, decimal},
	NDSLL:         {"nd_sll", classBasic, 32, 0, 6, 48, masked, rw, needNDSolicit, ethernet},
	NDTLL:         {"nd_tll", classBasic, 33, 0, 6, 48, masked, rw, needNDAdvert, ethernet},
	ARPOp:         {"arp_op", classBasic, 21, 0, 2, 16, exact, rw, needARP, decimal},
	ARPSPA:        {"arp_spa", classBasic, 22, 0, 4, 32, masked, rw, needARP, ipv4},
	ARPTPA:        {"arp_tpa", classBasic, 23, 0, 4, 32, masked, rw, needARP, ipv4},
	ARPSHA:        {"arp_sha", classBasic, 24, 0, 6, 48, masked, rw, needARP, ethernet},
	ARPTHA:        {"arp_tha", classBasic, 25, 0, 6, 48, masked, rw, needARP, ethernet},
	TunID:         {"tun_id", classBasic, 38, 0, 8, 64, masked, rw, needNothing, hexadecimal},
	TunFlags:      {"tun_flags", classNXM1, 104, 0, 2, 1, masked, rw, needNothing, tunFlags},
	TunSrc:        {"tun_src", classNXM1, 31, 0, 4, 32, masked, rw, needNothing, ipv4},
	TunDst:        {"tun_dst", classNXM1, 32, 0, 4, 32, masked, rw, needNothing, ipv4},
	TunIPv6Src:    {"tun_ipv6_src", classNXM1, 109, 0, 16, 128, masked, rw, needNothing, ipv6},
	TunIPv6Dst:    {"tun_ipv6_dst", classNXM1, 110, 0, 16, 128, masked, rw, needNothing, ipv6},
	TunGBPID:      {"tun_gbp_id", classNXM1, 38, 0, 2, 16, masked, rw, needNothing, decimal},
	TunGBPFlags:   {"tun_gbp_flags", classNXM1, 39, 0, 1, 8, masked, rw, needNothing, hexadecimal},
	TunMetadata0:  tunMetadata("tun_metadata0", 0),
	TunMetadata1:  tunMetadata("tun_metadata1", 1),
	TunMetadata2:  tunMetadata("tun_metadata2", 2),
	TunMetadata3:  tunMetadata("tun_metadata3", 3),
	TunMetadata4:  tunMetadata("tun_metadata4", 4),
	TunMetadata5:  tunMetadata("tun_metadata5", 5),
	TunMetadata6:  tunMetadata("tun_metadata6", 6),
	TunMetadata7:  tunMetadata("tun_metadata7", 7),
	Reg0:          register("reg0", 0),
	Reg1:          register("reg1", 1),
	Reg2:          register("reg2", 2),
	Reg3:          register("reg3", 3),
	Reg4:          register("reg4", 4),
	Reg5:          register("reg5", 5),
	Reg6:          register("reg6", 6),
	Reg7:          register("reg7", 7),
	Reg8:          register("reg8", 8),
	Reg9:          register("reg9", 9),
	Reg10:         register("reg10", 10),
	Reg11:         register("reg11", 11),
	Reg12:         register("reg12", 12),
	Reg13:         register("reg13", 13),
	Reg14:         register("reg14", 14),
	Reg15:         register("reg15", 15),
	PktMark:       {"pkt_mark", classNXM1, 33, 0, 4, 32, masked, rw, needNothing, hexadecimal},
	CTState:       {"ct_state", classNXM1, 105, 0, 4, 32, masked, ro, needNothing, ctState},
	CTZone:        {"ct_zone", classNXM1, 106, 0, 2, 16, exact, ro, needNothing, decimal},
	CTMark:        {"ct_mark", classNXM1, 107, 0, 4, 32, masked, rw, needNothing, hexadecimal},
	CTLabel:       {"ct_label", classNXM1, 108, 0, 16, 128, masked, rw, needNothing, hexadecimal},
	CTNwSrc:       {"ct_nw_src", classNXM1, 120, 0, 4, 32, masked, ro, needCT, ipv4},
	CTIPv6Src:     {"ct_ipv6_src", classNXM1, 122, 0, 16, 128, masked, ro, needCT, ipv6},
	CTNwDst:       {"ct_nw_dst", classNXM1, 121, 0, 4, 32, masked, ro, needCT, ipv4},
	CTIPv6Dst:     {"ct_ipv6_dst", classNXM1, 123, 0, 16, 128, masked, ro, needCT, ipv6},
	CTNwProto:     {"ct_nw_proto", classNXM1, 119, 0, 1, 8, exact, ro, needCT, decimal},
	CTTpSrc:       {"ct_tp_src", classNXM1, 124, 0, 2, 16, masked, ro, needCT, decimal},
	CTTpDst:       {"ct_tp_dst", classNXM1, 125, 0, 2, 16, masked, ro, needCT, decimal},
	Metadata:      {"metadata", classBasic, 2, 0, 8, 64, masked, rw, needNothing, hexadecimal},
	VLANTCI:       {"vlan_tci", classNXM0, 4, 0, 2, 16, masked, rw, needNothing, hexadecimal},
	InPort16:      {"in_port", classNXM0, 0, 0, 2, 16, exact, rw, needNothing, port},
	XReg0:         wideRegister("xreg0", 0),
	XReg1:         wideRegister("xreg1", 1),
	XReg2:         wideRegister("xreg2", 2),
	XReg3:         wideRegister("xreg3", 3),
	XReg4:         wideRegister("xreg4", 4),
	XReg5:         wideRegister("xreg5", 5),
	XReg6:         wideRegister("xreg6", 6),
	XReg7:         wideRegister("xreg7", 7),
	XXReg0:        widestRegister("xxreg0", 0),
	XXReg1:        widestRegister("xxreg1", 1),
	XXReg2:        widestRegister("xxreg2", 2),
	XXReg3:        widestRegister("xxreg3", 3),
}

func register(name string, n uint8) fieldInfo {
	return fieldInfo{name, classNXM1, n, 0, 4, 32, masked, rw, needNothing, hexadecimal}
}

func wideRegister(name string, n uint8) fieldInfo {
	return fieldInfo{name, classPacketRegs, n, 0, 8, 64, masked, rw, needNothing, hexadecimal}
}

func widestRegister(name string, n uint8) fieldInfo {
	return fieldInfo{name, classNXM1, 111 + n, 0, 16, 128, masked, rw, needNothing, hexadecimal}
}

// tunMetadata fields have the length that the switch's TLV table gives them, 4 to 124 bytes. Here they have up to 16; the
// length of a value on the wire is what its highest set mask bit asks for, in steps of 4 bytes.
func tunMetadata(name string, n uint8) fieldInfo {
	return fieldInfo{name, classNXM1, 40 + n, 0, 16, 128, masked, rw, needNothing, hexadecimal}
}

// info returns the field's row, or an empty one.
func (id FieldID) info() *fieldInfo {
	if id >= fieldEnd {
		id = 0
	}
	return &fieldTable[id]
}

// Valid says whether there is such a field.
func (id FieldID) Valid() bool { return id > 0 && id < fieldEnd }

// String returns the field's name in ovs-ofctl's dumps.
func (id FieldID) String() string {
	if !id.Valid() {
		return "no field"
	}
	return id.info().name
}

// Bits returns how many bits the field has.
func (id FieldID) Bits() int { return int(id.info().bits) }

// Bytes returns how many bytes the field takes on the wire.
func (id FieldID) Bytes() int { return int(id.info().size) }

// Maskable says whether single bits of the field can be matched.
func (id FieldID) Maskable() bool { return bool(id.info().masks) }

// Writable says whether actions can change the field.
func (id FieldID) Writable() bool { return bool(id.info().writes) }

// isTunMetadata says whether the field's length on the wire varies.
func (id FieldID) isTunMetadata() bool { return id >= TunMetadata0 && id <= TunMetadata7 }

// isView says whether the field is another view of fields that come first in the canonical form.
func (id FieldID) isView() bool { return id > Metadata }

// IsPrerequisite says whether the field is one that others presuppose: its presence in a match may be implied.
func IsPrerequisite(id FieldID) bool {
	switch id {
	case EthType, IPProto, VLANVID, ICMPv6Type, ICMPv6Code, PacketType:
		return true
	}
	return false
}
