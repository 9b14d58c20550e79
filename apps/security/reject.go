package security

import (
	"net/netip"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/southbound/flow"
)

// rejecter tells senders that their packets are rejected: by a TCP reset, or by ICMP "administratively prohibited" (RFC 1812, section
// 5.2.7.1; RFC 4443, section 3.1). It speaks for who the packet was for.
type rejecter struct{}

// Tick implements punt.Handler: what is to be said is said at once.
func (rejecter) Tick(time.Time, *punt.Outbox) {}

// Packet answers a rejected packet. The answer goes by way of the router where the packet came from one.
func (rejecter) Packet(p *punt.Packet, out *punt.Outbox) {
	frame, err := rejection(p.Data)
	if err != nil || frame == nil {
		return
	}
	do := flow.Actions{pipeline.Net.Set(p.Register(pipeline.Net)), pipeline.Said.Set(1), flow.Resubmit(pipeline.RouterIn)}
	if p.Register(pipeline.AtReceiver) == 0 {
		do = pipeline.DeliverTo(p.InPort)
	}
	out.Send(p.Host, punt.Out{InPort: flow.PortController, Data: frame, Actions: do})
}

// rejection is the frame that answers a rejected one; nil where none may be sent.
func rejection(frame []byte) ([]byte, error) {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip := p.NetworkLayer()
	if eth == nil || ip == nil || eth.DstMAC[0]&1 != 0 {
		return nil, nil
	}
	if tcp, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		return pipeline.Reset(eth, ip, tcp)
	}
	e := pipeline.ICMPError{V4: pipeline.ICMPCode{Type: 3, Code: 13}, V6: pipeline.ICMPCode{Type: 1, Code: 1}, MAC: flow.MACAddr(eth.DstMAC), To: flow.MACAddr(eth.SrcMAC)}
	from, _ := netip.AddrFromSlice(ip.NetworkFlow().Dst().Raw())
	if from.Is4() {
		e.From[0] = from
	} else {
		e.From[1] = from
	}
	return e.Frame(frame)
}
