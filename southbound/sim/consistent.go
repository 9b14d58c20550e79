package sim

import "github.com/weft-sdn/weft/southbound/flow"

// certain is what a flow's match says of every packet that it meets: actions may only touch headers that are surely there.
type certain struct {
	ethType, proto, icmpType uint64
	code                     bool // the ICMPv6 code is 0
	tagged                   bool
}

func certainOf(m []flow.Field) certain {
	c := certain{icmpType: 1 << 16}
	for i := range m {
		f := &m[i]
		switch f.ID {
		case flow.EthType:
			c.ethType = f.Value.Lo
		case flow.IPProto:
			c.proto = f.Value.Lo
		case flow.ICMPv6Type:
			c.icmpType = f.Value.Lo
		case flow.ICMPv6Code:
			c.code = f.Value.Lo == 0
		case flow.VLANVID:
			c.tagged = f.Value.Lo&vlanThis != 0
		}
	}
	return c
}

func (c *certain) ip() bool { return c.ethType == ethIPv4 || c.ethType == ethIPv6 }

func (c *certain) nd(types ...uint64) bool {
	for _, t := range types {
		if c.icmpType == t && c.code {
			return true
		}
	}
	return false
}

// has says whether a packet surely has a field.
func (c *certain) has(id flow.FieldID) bool {
	switch id {
	case flow.VLANVID, flow.VLANPCP:
		return c.tagged
	case flow.IPv4Src, flow.IPv4Dst:
		return c.ethType == ethIPv4
	case flow.IPv6Src, flow.IPv6Dst, flow.IPv6Label:
		return c.ethType == ethIPv6
	case flow.IPDSCP, flow.IPECN, flow.IPTTL, flow.IPProto, flow.IPFrag:
		return c.ip()
	case flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA:
		return c.ethType == ethARP || c.ethType == ethRARP
	case flow.TCPSrc, flow.TCPDst, flow.TCPFlags:
		return c.ip() && c.proto == protoTCP
	case flow.UDPSrc, flow.UDPDst:
		return c.ip() && c.proto == protoUDP
	case flow.SCTPSrc, flow.SCTPDst:
		return c.ip() && c.proto == protoSCTP
	case flow.ICMPv4Type, flow.ICMPv4Code:
		return c.ethType == ethIPv4 && c.proto == protoICMP
	case flow.ICMPv6Type, flow.ICMPv6Code:
		return c.ethType == ethIPv6 && c.proto == protoICMPv6
	case flow.NDTarget, flow.NDReserved, flow.NDOptionsType:
		return c.nd(135, 136)
	case flow.NDSLL:
		return c.nd(135)
	case flow.NDTLL:
		return c.nd(136)
	}
	return true
}

// codeInconsistent is OFPBAC_MATCH_INCONSISTENT.
const codeInconsistent = 10

// consistent refuses steps that need headers which the match does not promise.
func (c *certain) consistent(steps []step) error {
	for i := range steps {
		a := &steps[i]
		ok := true
		switch a.op {
		case opSet:
			ok = c.has(a.field.ID)
		case opMove:
			ok = c.has(a.src.ID) && c.has(a.dst.ID)
		case opPush, opOutputReg:
			ok = c.has(a.src.ID)
		case opPop:
			ok = c.has(a.dst.ID)
		case opDecTTL:
			ok = c.ip()
		case opPopVLAN:
			ok = c.tagged
			c.tagged = false
		case opPushVLAN:
			c.tagged = true
		case opClone:
			inside := *c
			if err := inside.consistent(a.do); err != nil {
				return err
			}
		case opCT:
			if err := c.trackable(a.ct); err != nil {
				return err
			}
		}
		if !ok {
			return refuse(typeBadAction, codeInconsistent, "an action needs a header that the match does not ask for")
		}
	}
	return nil
}

// trackable refuses connection tracking of what is not IP.
func (c *certain) trackable(t *tracking) error {
	if !c.ip() {
		return refuse(typeBadAction, codeInconsistent, "ct of packets that the match does not say are IP")
	}
	return c.consistent(t.exec)
}
