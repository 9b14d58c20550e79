package routing_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Types of SCTP chunks (RFC 9260, section 3.2).
const (
	chunkData       = 0
	chunkInit       = 1
	chunkInitAck    = 2
	chunkCookieEcho = 10
	chunkCookieAck  = 11
)

// sctpPacket is a packet of one chunk.
type sctpPacket struct {
	from, to uint16
	tag      uint32
	chunk    byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (p sctpPacket) bytes() []byte {
	b := binary.BigEndian.AppendUint16(nil, p.from)
	b = binary.BigEndian.AppendUint16(b, p.to)
	b = binary.BigEndian.AppendUint32(b, p.tag)
	b = append(b, 0, 0, 0, 0, p.chunk, 0, 0, 20)
	b = append(b, make([]byte, 16)...) // what the chunk holds is the ends' own business
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, castagnoli))
	return b
}

// sctpOf reads a packet, and holds its checksum against the rest.
func sctpOf(b []byte) (sctpPacket, error) {
	if len(b) < 16 {
		return sctpPacket{}, fmt.Errorf("%d bytes", len(b))
	}
	p := sctpPacket{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), b[12]}
	said := binary.LittleEndian.Uint32(b[8:])
	clear(b[8:12])
	if sum := crc32.Checksum(b, castagnoli); sum != said {
		return p, fmt.Errorf("the checksum is %#x, not %#x", said, sum)
	}
	return p, nil
}

// sctpEnd is one end of associations: a raw socket, since not every kernel has SCTP.
type sctpEnd struct {
	net.PacketConn
	at *netlab.Endpoint
}

func newSCTPEnd(c *e2e.Cloud, at *netlab.Endpoint, ip netip.Addr) sctpEnd {
	network := "ip4:132"
	if ip.Is6() {
		network = "ip6:132"
	}
	e := sctpEnd{netlab.Must(at.ListenPacket(network, ip.String()))(c.T), at}
	c.T.Cleanup(func() { e.Close() })
	return e
}

// expect waits for a packet, and returns who sent it.
func (e sctpEnd) expect(p sctpPacket, within time.Duration) (netip.Addr, error) {
	b := make([]byte, 2048)
	if err := e.SetReadDeadline(time.Now().Add(within)); err != nil {
		return netip.Addr{}, err
	}
	var others []sctpPacket
	for {
		n, addr, err := e.ReadFrom(b)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("%s waits for %+v, and has seen %+v: %w", e.at.Name(), p, others, err)
		}
		got, err := sctpOf(b[:n])
		if err != nil {
			return netip.Addr{}, err
		}
		if got == p {
			from, _ := netip.ParseAddr(addr.String())
			return from, nil
		}
		others = append(others, got)
	}
}

func (e sctpEnd) send(to netip.Addr, p sctpPacket) error {
	_, err := e.WriteTo(p.bytes(), &net.IPAddr{IP: to.AsSlice()})
	return err
}

// associate has a client set up an association with an address, behind which a server has another one, and perhaps another port,
// and says whom the server saw.
func associate(client, server sctpEnd, outer netip.Addr, port, behind uint16) (netip.Addr, error) {
	const own = 40000
	var seen netip.Addr
	for _, step := range []struct {
		out, in byte
		tag     uint32
	}{{chunkInit, chunkInitAck, 0}, {chunkCookieEcho, chunkCookieAck, 7}, {chunkData, chunkData, 7}} {
		if err := client.send(outer, sctpPacket{own, port, step.tag, step.out}); err != nil {
			return seen, err
		}
		from, err := server.expect(sctpPacket{own, behind, step.tag, step.out}, 3*time.Second)
		if err != nil {
			return seen, err
		}
		if seen = from; server.send(from, sctpPacket{behind, own, 9, step.in}) != nil {
			return seen, errors.New("the server cannot answer")
		}
		who, err := client.expect(sctpPacket{port, own, 9, step.in}, 3*time.Second)
		if err != nil {
			return seen, err
		}
		if who != outer {
			return seen, fmt.Errorf("%s answered for %s", who, outer)
		}
	}
	return seen, nil
}

// SCTP associations are set up through forwarded ports, to floating IPs and to the outside.
func TestSCTP(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(3)})
	o := newOutside(c, "type: flat")
	red := newTenant(c, "red")
	c.Apply(red.router(joined, gateway(", host: h2, enableSnat6: true")))
	o.leaks = netlab.Must(o.router.Capture("src net 10.0.0.0/8 or src net fd00::/8"))(c.T)
	const yaml = "kind: PortForwarding\nproject: red\nname: %s\nspec: {router: r1, protocol: sctp, externalPorts: %q, port: %s, internalIp: %q%s}\n"
	vm := red.vm["db2"]
	floating := float(c, red, "web1")["web1"]
	for i, server := range []netip.Addr{server4, server6} {
		is4, inside := server.Is4(), []netip.Addr{vm.IPv4(), vm.IPv6()}[i]
		c.Apply(fmt.Sprintf(yaml, fmt.Sprintf("same%d", i), "3868-3900", "db2", inside, ""), fmt.Sprintf(yaml, fmt.Sprintf("other%d", i), "2905", "db2", inside, `, internalPorts: "2906"`))
		own := []netip.Addr{o.router.IPv4(), o.router.IPv6()}[i]
		outer, out, in := gatewayOf(c, red, is4), newSCTPEnd(c, o.router, own), newSCTPEnd(c, vm, inside)
		try := func(what string, client, server sctpEnd, addr netip.Addr, port, behind uint16, seen func(netip.Addr) bool) {
			c.Eventually(30*time.Second, what, func() error {
				who, err := associate(client, server, addr, port, behind)
				if err == nil && !seen(who) {
					err = fmt.Errorf("the server saw %s", who)
				}
				return err
			})
		}
		fromOutside := func(a netip.Addr) bool { return a == own }
		try("the same port", out, in, outer, 3868, 3868, fromOutside)
		try("another port", out, in, outer, 2905, 2906, fromOutside)
		try("to outside", in, newSCTPEnd(c, o.router, server), server, 5000, 5000, func(a netip.Addr) bool { return a == outer })
		if is4 {
			try("to a floating IP", out, newSCTPEnd(c, red.vm["web1"], red.vm["web1"].IPv4()), floating, 36412, 36412, fromOutside)
		}
		c.Do(out.send(outer, sctpPacket{40001, 2906, 0, chunkInit}))
		if _, err := in.expect(sctpPacket{40001, 2906, 0, chunkInit}, time.Second); err == nil {
			c.T.Error("a port that is not forwarded is")
		}
	}
	o.sealed(c)
}
