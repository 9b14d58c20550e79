package openflow_test

import (
	"net/netip"
	"slices"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// message is one of every kind of message, for the round trips and as seeds for fuzzing.
type message struct {
	name string
	b    []byte
	want any // what the parser is to return; nil when only the dissector is asked
}

const xid = 0x01020304

// canonical returns the bytes of a typical match, instructions and actions.
func canonical() (match, instructions, actions []byte) {
	match, err := AppendMatch(nil, Match{U32(InPort, 7), IP(IPv4Dst, netip.MustParseAddr("10.1.2.3")), Prefix(IPv4Src, netip.MustParsePrefix("10.0.0.0/8")), U32(TCPDst, 80)})
	if err == nil {
		instructions, err = AppendInstructions(nil, Actions{SetField(U64(TunID, 5)), Output(3), Goto(20)})
	}
	if err == nil {
		actions, err = AppendActions(nil, Actions{Output(3)})
	}
	if err != nil {
		panic(err) // constants
	}
	return match, instructions, actions
}

// controllerMessages are what controllers send.
func controllerMessages() []message {
	match, instructions, actions := canonical()
	mod := of.FlowMod{Cookie: 1, CookieMask: 2, Table: 3, Command: of.FlowModify, Idle: 4, Hard: 5, Priority: 6, Buffer: of.NoBuffer, OutPort: PortAny, OutGroup: PortAny, Flags: of.SendFlowRemoved, Match: match, Instructions: instructions}
	group, err := NewGroup(5, Select, []Bucket{{Weight: 3, Actions: Actions{Output(3)}}})
	if err != nil {
		panic(err)
	}
	meter, err := NewMeter(5, MeterKbps|MeterBurst, []Band{{Rate: 100, Burst: 10}})
	if err != nil {
		panic(err)
	}
	out := of.PacketOut{Buffer: of.NoBuffer, InPort: PortController, Actions: actions, Data: slices.Repeat([]byte{0}, 60)}
	portMod := of.PortMod{Port: 3, MAC: mac, Config: of.PortConfigDown, Mask: of.PortConfigDown, Advertise: 1}
	role := of.Role{Role: of.RoleMaster, Generation: 9}
	async := of.DefaultAsync()
	every := of.EveryFlow()
	every.Match = match
	flow, err := New(1, 2, Match{U32(InPort, 7)}, Actions{Output(3)})
	if err != nil {
		panic(err)
	}
	added := of.AddFlow(flow)
	monitor := of.MonitorRequest{ID: 3, Flags: of.MonitorInitial | of.MonitorAdd, OutPort: PortAny, Table: of.AllTables, Match: match}
	groupMod := of.GroupMod{Command: of.Add, Type: group.Type, ID: group.ID, Buckets: []byte(group.Buckets)}
	meterMod := of.MeterMod{Command: of.Modify, Flags: meter.Flags, ID: meter.ID, Bands: []byte(meter.Bands)}
	tlvs := []of.TLV{{Class: 0x102, Option: 0x80, Length: 4, Index: 1}}
	flush := of.CTFlushRequest{Proto: 6, Zone: 3, ZoneGiven: true, Orig: of.CTTuple{Src: ip4, Dst: ip4b, SrcPort: 1, DstPort: 2}, Reply: of.CTTuple{Src: ip6}}
	paused := of.PacketIn{Buffer: of.NoBuffer, TotalLen: 3, Cookie: 7, Table: 4, Reason: 1, Match: match, Data: []byte{1, 2, 3}, UserData: []byte("hi"), Continuation: []byte("state")}
	return []message{
		{"hello", of.AppendHello(nil, xid, 1<<of.Version13), of.Hello{Version: 4, Versions: 1 << 4}},
		{"echo request", of.AppendEcho(nil, of.TypeEchoRequest, xid, []byte("ping")), nil},
		{"features request", of.AppendEmpty(nil, of.TypeFeaturesRequest, xid), nil},
		{"get config request", of.AppendEmpty(nil, of.TypeGetConfigRequest, xid), nil},
		{"set config", of.AppendConfig(nil, of.TypeSetConfig, xid, of.Config{Flags: 1, MissSendLen: 128}), of.Config{Flags: 1, MissSendLen: 128}},
		{"packet-out", of.AppendPacketOut(nil, xid, &out), out},
		{"flow-mod", of.AppendFlowMod(nil, xid, &mod), mod},
		{"flow", of.AppendFlow(nil, xid, of.FlowDeleteStrict, &flow), nil},
		{"group-mod", of.AppendGroupMod(nil, xid, &groupMod), groupMod},
		{"meter-mod", of.AppendMeterMod(nil, xid, &meterMod), meterMod},
		{"port-mod", of.AppendPortMod(nil, xid, portMod), portMod},
		{"role request", of.AppendRole(nil, of.TypeRoleRequest, xid, role), role},
		{"set async", of.AppendAsync(nil, of.TypeSetAsync, xid, async), async},
		{"get async request", of.AppendEmpty(nil, of.TypeGetAsyncRequest, xid), nil},
		{"barrier request", of.AppendEmpty(nil, of.TypeBarrierRequest, xid), nil},
		{"desc request", of.AppendMultipartRequest(nil, xid, of.MultipartDesc), nil},
		{"port-desc request", of.AppendMultipartRequest(nil, xid, of.MultipartPortDesc), nil},
		{"table request", of.AppendMultipartRequest(nil, xid, of.MultipartTable), nil},
		{"group-desc request", of.AppendMultipartRequest(nil, xid, of.MultipartGroupDesc), nil},
		{"group-features request", of.AppendMultipartRequest(nil, xid, of.MultipartGroupFeatures), nil},
		{"meter-features request", of.AppendMultipartRequest(nil, xid, of.MultipartMeterFeatures), nil},
		{"meter-config request", of.AppendMeterConfigRequest(nil, xid, of.AllMeters), nil},
		{"flow request", of.AppendFlowRequest(nil, xid, of.MultipartFlow, &every), every},
		{"aggregate request", of.AppendFlowRequest(nil, xid, of.MultipartAggregate, &every), every},
		{"monitor request", of.AppendMonitorRequest(nil, xid, &monitor), monitor},
		{"monitor cancel", of.AppendMonitorCancel(nil, xid, 3), nil},
		{"bundle open", of.AppendBundleControl(nil, xid, of.BundleControl{ID: 3, Command: of.BundleOpen, Flags: 3}), of.BundleControl{ID: 3, Command: of.BundleOpen, Flags: 3}},
		{"bundle add", added.AppendInBundle(nil, xid, 3, 3), nil},
		{"set packet-in format", of.AppendSetPacketInFormat(nil, xid, of.PacketInNicira2), of.PacketInNicira2},
		{"set controller id", of.AppendSetControllerID(nil, xid, 5), uint16(5)},
		{"TLV table mod", of.AppendTLVTableMod(nil, xid, of.TLVAdd, tlvs), tlvs},
		{"TLV table request", of.AppendTLVTableRequest(nil, xid), nil},
		{"ct flush zone", of.AppendCTFlushZone(nil, xid, 5), uint16(5)},
		{"ct flush", of.AppendCTFlush(nil, xid, &flush), flush},
		{"resume", of.AppendResume(nil, xid, &paused), paused},
	}
}

// switchMessages are what switches send.
func switchMessages() []message {
	match, instructions, _ := canonical()
	features := of.Features{Datapath: 1, Buffers: 2, Tables: 3, Auxiliary: 0, Capabilities: 4}
	refusal := of.Error{XID: xid, Type: of.ErrorTypeBadMatch, Code: 9, Data: of.AppendFlow(nil, xid, of.FlowAdd, &Flow{})}
	bundleError := of.Error{XID: xid, Type: of.ErrorTypeExperimenter, Code: of.CodeBundleMsgFailed, Experimenter: of.ExperimenterONF, Data: of.AppendEmpty(nil, of.TypeExperimenter, xid)}
	packet := of.PacketIn{Buffer: of.NoBuffer, TotalLen: 60, Reason: 1, Table: 2, Cookie: 3, Match: match[:8], Data: slices.Repeat([]byte{0}, 60)}
	niciraPacket := packet
	niciraPacket.TotalLen, niciraPacket.UserData, niciraPacket.Continuation = 99, []byte{1}, []byte{2, 3}
	port := of.Port{Number: 3, MAC: mac, Name: "eth0", Config: 1, State: 4, Current: 5, Advertised: 6, Supported: 7, Peer: 8, Speed: 9, MaxSpeed: 10}
	status := of.PortStatus{Reason: of.PortModified, Port: port}
	removed := of.FlowRemoved{Cookie: 1, Priority: 2, Reason: 0, Table: 4, Seconds: 5, Nanos: 6, Idle: 7, Hard: 8, Packets: 9, Bytes: 10, Match: match}
	stats := of.FlowStats{Table: 1, Priority: 2, Cookie: 3, Idle: 4, Hard: 5, Flags: 1, Seconds: 6, Nanos: 7, Packets: 8, Bytes: 9, Match: match, Instructions: instructions}
	update := of.FlowUpdate{Event: of.FlowAdded, Priority: 1, Idle: 2, Hard: 3, Table: 4, Cookie: 5, Match: match, Instructions: instructions}
	desc := of.Desc{Manufacturer: "m", Hardware: "h", Software: "s", Serial: "n", Datapath: "d"}
	group, err := NewGroup(5, All, []Bucket{{Actions: Actions{Output(3)}}})
	if err != nil {
		panic(err)
	}
	meter, err := NewMeter(5, MeterKbps, []Band{{Rate: 100}})
	if err != nil {
		panic(err)
	}
	reply := func(typ of.MultipartType, entry func([]byte) []byte) []byte {
		r := of.BeginReply(nil, xid, typ)
		r.Entry(entry)
		r.Entry(entry)
		return r.End()
	}
	monitor := of.BeginMonitorReply(nil, 0)
	monitor.Entry(func(b []byte) []byte { return of.AppendFlowUpdate(b, &update) })
	monitor.Entry(func(b []byte) []byte {
		return of.AppendFlowUpdate(b, &of.FlowUpdate{Event: of.FlowAbbreviated, XID: 9})
	})
	groupFeatures := of.GroupFeatures{Types: 15, Capabilities: 1, MaxGroups: [4]uint32{1, 2, 3, 4}, Actions: [4]uint32{5, 6, 7, 8}}
	meterFeatures := of.MeterFeatures{MaxMeters: 1, BandTypes: 2, Capabilities: 3, MaxBands: 4, MaxColor: 5}
	table := of.TableStats{Table: 1, Active: 2, Lookups: 3, Matches: 4}
	tlvs := of.TLVTable{MaxSpace: 1, MaxFields: 2, Maps: []of.TLV{{Class: 3, Option: 4, Length: 8, Index: 5}}}
	return []message{
		{"echo reply", of.AppendEcho(nil, of.TypeEchoReply, xid, []byte("ping")), nil},
		{"error", of.AppendError(nil, of.Version13, &refusal), refusal},
		{"bundle error", of.AppendError(nil, of.Version13, &bundleError), bundleError},
		{"features reply", of.AppendFeatures(nil, xid, features), features},
		{"get config reply", of.AppendConfig(nil, of.TypeGetConfigReply, xid, of.Config{MissSendLen: 3}), of.Config{MissSendLen: 3}},
		{"packet-in", of.AppendPacketIn(nil, xid, &packet), packet},
		{"packet-in 2", of.AppendPacketIn2(nil, xid, &niciraPacket), niciraPacket},
		{"port status", of.AppendPortStatus(nil, xid, &status), status},
		{"flow removed", of.AppendFlowRemoved(nil, xid, &removed), removed},
		{"role reply", of.AppendRole(nil, of.TypeRoleReply, xid, of.Role{Role: of.RoleSlave, Generation: 3}), of.Role{Role: of.RoleSlave, Generation: 3}},
		{"get async reply", of.AppendAsync(nil, of.TypeGetAsyncReply, xid, of.DefaultAsync()), of.DefaultAsync()},
		{"barrier reply", of.AppendEmpty(nil, of.TypeBarrierReply, xid), nil},
		{"desc reply", of.AppendDesc(nil, xid, &desc), desc},
		{"port-desc reply", reply(of.MultipartPortDesc, func(b []byte) []byte { return of.AppendPort(b, &port) }), port},
		{"table reply", reply(of.MultipartTable, func(b []byte) []byte { return of.AppendTableStats(b, table) }), table},
		{"flow reply", reply(of.MultipartFlow, func(b []byte) []byte { return of.AppendFlowStats(b, &stats) }), stats},
		{"aggregate reply", of.AppendAggregate(nil, xid, of.Aggregate{Packets: 1, Bytes: 2, Flows: 3}), of.Aggregate{Packets: 1, Bytes: 2, Flows: 3}},
		{"group-desc reply", reply(of.MultipartGroupDesc, func(b []byte) []byte { return of.AppendGroupDesc(b, &group) }), group},
		{"group-features reply", of.AppendGroupFeatures(nil, xid, &groupFeatures), groupFeatures},
		{"meter-config reply", reply(of.MultipartMeterConfig, func(b []byte) []byte { return of.AppendMeterConfig(b, &meter) }), meter},
		{"meter-features reply", of.AppendMeterFeatures(nil, xid, meterFeatures), meterFeatures},
		{"monitor reply", monitor.End(), update},
		{"bundle committed", of.AppendBundleControl(nil, xid, of.BundleControl{ID: 3, Command: of.BundleCommitted}), of.BundleControl{ID: 3, Command: of.BundleCommitted}},
		{"TLV table reply", of.AppendTLVTable(nil, xid, &tlvs), tlvs},
	}
}
