package dhcp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/flow"
)

var (
	mac   = flow.MACAddr{0xfa, 0x16, 0x3e, 0, 0, 7}
	mine  = netip.MustParseAddr("10.0.0.7")
	theIP = net.IPv4(10, 0, 0, 7).To4()
)

// testLease is 10.0.0.7 with every setting.
func testLease() lease {
	return lease{
		ip:   mine,
		port: intent.Port{MAC: mac, MTU: 1450, IPs: []netip.Addr{mine}, Options: []intent.ExtraOption{{Family: 4, Code: 15, Data: "own.example"}, {Family: 6, Code: 15}}},
		subnet: intent.Subnet{
			Prefix: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1"), Mode: intent.DHCPv4, Told: true, Lease: 3600,
			DNS: []netip.Addr{netip.MustParseAddr("10.0.0.53")}, NTP: []netip.Addr{netip.MustParseAddr("10.0.0.123")},
			Routes: []intent.HostRoute{{Destination: netip.MustParsePrefix("10.9.0.0/16"), NextHop: netip.MustParseAddr("10.0.0.9")}},
			Domain: "red.example", Search: "a.example b.example", BootFile: "boot.img", BootServer: "10.0.0.69",
		},
	}
}

// message is a request of the port's client.
func message(t *testing.T, typ dhcpv4.MessageType, more ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(mac[:]), dhcpv4.WithMessageType(typ)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func option4(o dhcpv4.Option) dhcpv4.Modifier { return dhcpv4.WithOption(o) }

func TestAnswer4(t *testing.T) {
	ours, others := option4(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 1))), option4(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 2)))
	wants := func(last byte) dhcpv4.Modifier {
		return option4(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 0, 0, last)))
	}
	has := func(last byte) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.IPv4(10, 0, 0, last)) }
	const request = dhcpv4.MessageTypeRequest
	for _, tt := range []struct {
		name    string
		request *dhcpv4.DHCPv4
		want    dhcpv4.MessageType // 0: no answer
		verdict verdict
	}{
		{"discover", message(t, dhcpv4.MessageTypeDiscover), dhcpv4.MessageTypeOffer, answered},
		{"discover for another address", message(t, dhcpv4.MessageTypeDiscover, wants(99)), dhcpv4.MessageTypeOffer, answered},
		{"select", message(t, request, ours, wants(7)), dhcpv4.MessageTypeAck, answered},
		{"select another server", message(t, request, others, wants(7)), 0, ignored},
		{"select another address", message(t, request, ours, wants(8)), dhcpv4.MessageTypeNak, refused},
		{"reboot", message(t, request, wants(7)), dhcpv4.MessageTypeAck, answered},
		{"reboot from elsewhere", message(t, request, wants(8)), dhcpv4.MessageTypeNak, refused},
		{"renew", message(t, request, has(7)), dhcpv4.MessageTypeAck, answered},
		{"renew what is another's", message(t, request, has(8)), dhcpv4.MessageTypeNak, refused},
		{"request of nothing", message(t, request), 0, ignored},
		{"inform", message(t, dhcpv4.MessageTypeInform, has(7)), dhcpv4.MessageTypeAck, answered},
		{"inform of another address", message(t, dhcpv4.MessageTypeInform, has(8)), 0, ignored},
		{"decline", message(t, dhcpv4.MessageTypeDecline, ours, wants(7)), 0, declined},
		{"release", message(t, dhcpv4.MessageTypeRelease, ours, has(7)), 0, noted},
		{"an offer", message(t, dhcpv4.MessageTypeOffer), 0, ignored},
		{"a reply", message(t, dhcpv4.MessageTypeDiscover, func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply }), 0, ignored},
		{"relayed", message(t, dhcpv4.MessageTypeDiscover, dhcpv4.WithGatewayIP(net.IPv4(10, 0, 0, 9))), 0, ignored},
		{"in another's name", message(t, dhcpv4.MessageTypeDiscover, dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 1})), 0, ignored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply, verdict := answer4(tt.request, testLease())
			if verdict != tt.verdict || (reply == nil) != (tt.want == 0) {
				t.Fatalf("%s: %v", verdict, reply)
			}
			if reply == nil {
				return
			}
			reply, err := dhcpv4.FromBytes(reply.ToBytes())
			if err != nil || reply.MessageType() != tt.want || reply.TransactionID != tt.request.TransactionID || !bytes.Equal(reply.ClientHWAddr, mac[:]) {
				t.Errorf("%v, %v", err, reply)
			}
			given := reply.YourIPAddr
			inform := tt.request.MessageType() == dhcpv4.MessageTypeInform
			if tt.want != dhcpv4.MessageTypeNak && !inform && !given.Equal(theIP) || (tt.want == dhcpv4.MessageTypeNak || inform) && !given.IsUnspecified() {
				t.Errorf("gives %s", given)
			}
			if inform && reply.IPAddressLeaseTime(0) != 0 {
				t.Error("an answer to inform has a lease time")
			}
		})
	}
}

// TestSettings4 reads what goes with an address.
func TestSettings4(t *testing.T) {
	reply, _ := answer4(message(t, dhcpv4.MessageTypeDiscover), testLease())
	reply, err := dhcpv4.FromBytes(reply.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"mask":    {reply.SubnetMask(), net.CIDRMask(24, 32)},
		"router":  {reply.Router(), []net.IP{net.IPv4(10, 0, 0, 1).To4()}},
		"DNS":     {reply.DNS(), []net.IP{net.IPv4(10, 0, 0, 53).To4()}},
		"NTP":     {reply.NTPServers(), []net.IP{net.IPv4(10, 0, 0, 123).To4()}},
		"domain":  {reply.DomainName(), "own.example"}, // the port's own comes first
		"search":  {reply.DomainSearch().Labels, []string{"a.example", "b.example"}},
		"lease":   {reply.IPAddressLeaseTime(0), time.Hour},
		"server":  {reply.ServerIdentifier(), net.IPv4(10, 0, 0, 1).To4()},
		"MTU":     {reply.GetOneOption(dhcpv4.OptionInterfaceMTU), []byte{5, 170}},
		"file":    {reply.BootFileNameOption(), "boot.img"},
		"tftp":    {reply.TFTPServerName(), "10.0.0.69"},
		"siaddr":  {reply.ServerIPAddr, net.IPv4(10, 0, 0, 69).To4()},
		"routes":  {fmt.Sprint(reply.ClasslessStaticRoute()), "[route to 10.9.0.0/16 via 10.0.0.9 route to 0.0.0.0/0 via 10.0.0.1]"},
		"renewal": {reply.IPAddressRenewalTime(0), 30 * time.Minute},
	} {
		if got, want := fmt.Sprint(pair[0]), fmt.Sprint(pair[1]); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
}

// TestSmall4 keeps replies as small as every client takes, unless one says that it takes more; what is most important stays.
func TestSmall4(t *testing.T) {
	l := testLease()
	l.port.Options = nil
	for code := uint16(200); code < 206; code++ {
		l.port.Options = append(l.port.Options, intent.ExtraOption{Family: 4, Code: code, Data: string(make([]byte, 200))})
	}
	for _, size := range []uint16{0, 1500} {
		req := message(t, dhcpv4.MessageTypeDiscover)
		if size > 0 {
			req.UpdateOption(dhcpv4.OptMaxMessageSize(size))
		}
		reply, _ := answer4(req, l)
		limit := max(576, min(int(size), 1450)) - 28
		if n := len(reply.ToBytes()); n > limit || n < limit/2 || reply.SubnetMask() == nil || reply.ServerIdentifier() == nil {
			t.Errorf("of at most %d: %d bytes, %v", limit, n, reply)
		}
	}
}

// FuzzAnswer4 answers arbitrary messages: nothing panics, and only the port's address is given.
func FuzzAnswer4(f *testing.F) {
	m, err := dhcpv4.New(dhcpv4.WithHwAddr(mac[:]), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(theIP)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		reply, _ := answer4(req, testLease())
		if reply == nil {
			return
		}
		back, err := dhcpv4.FromBytes(reply.ToBytes())
		if err != nil || !back.YourIPAddr.IsUnspecified() && !back.YourIPAddr.Equal(theIP) {
			t.Errorf("%v: %v", err, back)
		}
	})
}
