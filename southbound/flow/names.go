package flow

// fieldNames are the names of a field outside of dumps.
type fieldNames struct {
	set  string // as set_field's destination
	part string // as a part: NXM_NX_REG0[0..3]
}

// longNames has the fields' names that do not follow from others. It is never written.
var longNames = [fieldEnd]fieldNames{
	PacketType:    {"packet_type", "OXM_OF_PACKET_TYPE"},
	DPHash:        {"dp_hash", "NXM_NX_DP_HASH"},
	ConjID:        {"conj_id", "NXM_NX_CONJ_ID"},
	InPort:        {"in_port_oxm", "OXM_OF_IN_PORT"},
	InPort16:      {"in_port", "NXM_OF_IN_PORT"},
	ActsetOutput:  {"actset_output", "ONFOXM_ET_ACTSET_OUTPUT"},
	EthSrc:        {"eth_src", "NXM_OF_ETH_SRC"},
	EthDst:        {"eth_dst", "NXM_OF_ETH_DST"},
	EthType:       {"eth_type", "NXM_OF_ETH_TYPE"},
	VLANVID:       {"vlan_vid", "OXM_OF_VLAN_VID"},
	VLANPCP:       {"vlan_pcp", "OXM_OF_VLAN_PCP"},
	VLANTCI:       {"vlan_tci", "NXM_OF_VLAN_TCI"},
	MPLSTC:        {"mpls_tc", "OXM_OF_MPLS_TC"},
	MPLSBOS:       {"mpls_bos", "OXM_OF_MPLS_BOS"},
	MPLSTTL:       {"mpls_ttl", "NXM_NX_MPLS_TTL"},
	MPLSLabel:     {"mpls_label", "OXM_OF_MPLS_LABEL"},
	IPv4Src:       {"ip_src", "NXM_OF_IP_SRC"},
	IPv4Dst:       {"ip_dst", "NXM_OF_IP_DST"},
	IPv6Src:       {"ipv6_src", "NXM_NX_IPV6_SRC"},
	IPv6Dst:       {"ipv6_dst", "NXM_NX_IPV6_DST"},
	IPFrag:        {"ip_frag", "NXM_NX_IP_FRAG"},
	IPDSCP:        {"ip_dscp", "OXM_OF_IP_DSCP"},
	IPECN:         {"nw_ecn", "NXM_NX_IP_ECN"},
	IPTTL:         {"nw_ttl", "NXM_NX_IP_TTL"},
	IPProto:       {"nw_proto", "NXM_OF_IP_PROTO"},
	TCPSrc:        {"tcp_src", "NXM_OF_TCP_SRC"},
	TCPDst:        {"tcp_dst", "NXM_OF_TCP_DST"},
	TCPFlags:      {"tcp_flags", "NXM_NX_TCP_FLAGS"},
	UDPSrc:        {"udp_src", "NXM_OF_UDP_SRC"},
	UDPDst:        {"udp_dst", "NXM_OF_UDP_DST"},
	SCTPSrc:       {"sctp_src", "OXM_OF_SCTP_SRC"},
	SCTPDst:       {"sctp_dst", "OXM_OF_SCTP_DST"},
	ICMPv4Type:    {"icmp_type", "NXM_OF_ICMP_TYPE"},
	ICMPv4Code:    {"icmp_code", "NXM_OF_ICMP_CODE"},
	ICMPv6Type:    {"icmpv6_type", "NXM_NX_ICMPV6_TYPE"},
	ICMPv6Code:    {"icmpv6_code", "NXM_NX_ICMPV6_CODE"},
	IPv6Label:     {"ipv6_label", "NXM_NX_IPV6_LABEL"},
	NDTarget:      {"nd_target", "NXM_NX_ND_TARGET"},
	NDReserved:    {"nd_reserved", "ERICOXM_OF_ICMPV6_ND_RESERVED"},
	NDOptionsType: {"nd_options_type", "ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE"},
	NDSLL:         {"nd_sll", "NXM_NX_ND_SLL"},
	NDTLL:         {"nd_tll", "NXM_NX_ND_TLL"},
	ARPOp:         {"arp_op", "NXM_OF_ARP_OP"},
	ARPSPA:        {"arp_spa", "NXM_OF_ARP_SPA"},
	ARPTPA:        {"arp_tpa", "NXM_OF_ARP_TPA"},
	ARPSHA:        {"arp_sha", "NXM_NX_ARP_SHA"},
	ARPTHA:        {"arp_tha", "NXM_NX_ARP_THA"},
	TunID:         {"tun_id", "NXM_NX_TUN_ID"},
	TunFlags:      {"tun_flags", "NXM_NX_TUN_FLAGS"},
	TunSrc:        {"tun_src", "NXM_NX_TUN_IPV4_SRC"},
	TunDst:        {"tun_dst", "NXM_NX_TUN_IPV4_DST"},
	TunIPv6Src:    {"tun_ipv6_src", "NXM_NX_TUN_IPV6_SRC"},
	TunIPv6Dst:    {"tun_ipv6_dst", "NXM_NX_TUN_IPV6_DST"},
	TunGBPID:      {"tun_gbp_id", "NXM_NX_TUN_GBP_ID"},
	TunGBPFlags:   {"tun_gbp_flags", "NXM_NX_TUN_GBP_FLAGS"},
	PktMark:       {"pkt_mark", "NXM_NX_PKT_MARK"},
	CTState:       {"ct_state", "NXM_NX_CT_STATE"},
	CTZone:        {"ct_zone", "NXM_NX_CT_ZONE"},
	CTMark:        {"ct_mark", "NXM_NX_CT_MARK"},
	CTLabel:       {"ct_label", "NXM_NX_CT_LABEL"},
	CTNwSrc:       {"ct_nw_src", "NXM_NX_CT_NW_SRC"},
	CTIPv6Src:     {"ct_ipv6_src", "NXM_NX_CT_IPV6_SRC"},
	CTNwDst:       {"ct_nw_dst", "NXM_NX_CT_NW_DST"},
	CTIPv6Dst:     {"ct_ipv6_dst", "NXM_NX_CT_IPV6_DST"},
	CTNwProto:     {"ct_nw_proto", "NXM_NX_CT_NW_PROTO"},
	CTTpSrc:       {"ct_tp_src", "NXM_NX_CT_TP_SRC"},
	CTTpDst:       {"ct_tp_dst", "NXM_NX_CT_TP_DST"},
	Metadata:      {"metadata", "OXM_OF_METADATA"},
}

// setName is the field's name as set_field's destination.
func (id FieldID) setName() string {
	if id == InPort {
		id = InPort16 // which has room for 16 bits, and is what Open vSwitch can set
	}
	if id.Valid() && longNames[id].set != "" {
		return longNames[id].set
	}
	return id.String()
}

// partName is the field's name in parts.
func (id FieldID) partName() string {
	switch {
	case id.Valid() && longNames[id].part != "":
		return longNames[id].part
	case id.isTunMetadata():
		return "NXM_NX_TUN_METADATA" + id.String()[len("tun_metadata"):]
	case id >= Reg0 && id <= Reg15:
		return "NXM_NX_REG" + id.String()[len("reg"):]
	case id >= XReg0 && id <= XReg7:
		return "OXM_OF_PKT_REG" + id.String()[len("xreg"):]
	case id >= XXReg0 && id <= XXReg3:
		return "NXM_NX_XXREG" + id.String()[len("xxreg"):]
	}
	return id.String()
}

// portNames are the reserved ports.
var portNames = map[uint32]string{
	PortInPort: "IN_PORT", PortTable: "TABLE", PortNormal: "NORMAL", PortFlood: "FLOOD", PortAll: "ALL",
	PortController: "CONTROLLER", PortLocal: "LOCAL", PortAny: "ANY", PortUnset: "UNSET",
}

var (
	ctStateNames = []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}
	tcpFlagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}
	tunFlagNames = []string{"oam"}
	hashNames    = []string{"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp", "nw_src", "nw_dst", "symmetric_l3"}
	mpNames      = []string{"modulo_n", "hash_threshold", "hrw", "iter_hash"}
	bundleNames  = []string{"active_backup", "hrw"}
	reasonNames  = []string{"no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"}
)
