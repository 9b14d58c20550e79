package dhcp

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/weft-sdn/weft/controller/intent"
)

// testClient has one address on a stateful subnet.
func testClient() client {
	l := lease{
		ip:   netip.MustParseAddr("2001:db8::7"),
		port: intent.Port{MAC: mac, MTU: 1450},
		subnet: intent.Subnet{
			Prefix: netip.MustParsePrefix("2001:db8::/64"), Gateway: netip.MustParseAddr("2001:db8::1"), Mode: intent.DHCPv6Stateful, Told: true, Lease: 3600,
			DNS: []netip.Addr{netip.MustParseAddr("2001:db8::53")}, NTP: []netip.Addr{netip.MustParseAddr("2001:db8::123")}, Domain: "red.example", BootFile: "http://[2001:db8::69]/boot",
			Routes: []intent.HostRoute{{Destination: netip.MustParsePrefix("2001:db8:9::/48"), NextHop: netip.MustParseAddr("2001:db8::1")}},
		},
	}
	return client{leases: []lease{l}, about: l}
}

var (
	clientDUID = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: mac[:]}
	otherDUID  = &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}}
)

func ask(typ dhcpv6.MessageType, options ...dhcpv6.Option) *dhcpv6.Message {
	m := &dhcpv6.Message{MessageType: typ, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	for _, o := range options {
		m.AddOption(o)
	}
	return m
}

func association(ips ...string) *dhcpv6.OptIANA {
	ia := &dhcpv6.OptIANA{IaId: [4]byte{0, 0, 0, 1}}
	for _, ip := range ips {
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(ip)})
	}
	return ia
}

func TestAnswer6(t *testing.T) {
	id, ours, others := dhcpv6.OptClientID(clientDUID), dhcpv6.OptServerID(serverDUID), dhcpv6.OptServerID(otherDUID)
	rapid := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}
	for _, tt := range []struct {
		name    string
		request *dhcpv6.Message
		want    dhcpv6.MessageType // 0: no answer
		gives   string             // addresses with valid lifetimes
		status  string
		verdict verdict
	}{
		{"solicit", ask(dhcpv6.MessageTypeSolicit, id, association()), dhcpv6.MessageTypeAdvertise, "[2001:db8::7 1h0m0s]", "", answered},
		{"rapid commit", ask(dhcpv6.MessageTypeSolicit, id, rapid, association()), dhcpv6.MessageTypeReply, "[2001:db8::7 1h0m0s]", "", answered},
		{"solicit without a name", ask(dhcpv6.MessageTypeSolicit, association()), 0, "", "", ignored},
		{"solicit to one server", ask(dhcpv6.MessageTypeSolicit, id, ours, association()), 0, "", "", ignored},
		{"request", ask(dhcpv6.MessageTypeRequest, id, ours, association("2001:db8::7")), dhcpv6.MessageTypeReply, "[2001:db8::7 1h0m0s]", "", answered},
		{"request of another server", ask(dhcpv6.MessageTypeRequest, id, others, association("2001:db8::7")), 0, "", "", ignored},
		{"request of another address", ask(dhcpv6.MessageTypeRequest, id, ours, association("2001:db8::8")), dhcpv6.MessageTypeReply, "[2001:db8::7 1h0m0s 2001:db8::8 0s]", "", answered},
		{"renew", ask(dhcpv6.MessageTypeRenew, id, ours, association("2001:db8::7")), dhcpv6.MessageTypeReply, "[2001:db8::7 1h0m0s]", "", answered},
		{"rebind", ask(dhcpv6.MessageTypeRebind, id, association("2001:db8::7")), dhcpv6.MessageTypeReply, "[2001:db8::7 1h0m0s]", "", answered},
		{"confirm", ask(dhcpv6.MessageTypeConfirm, id, association("2001:db8::7")), dhcpv6.MessageTypeReply, "", "Success", answered},
		{"confirm from elsewhere", ask(dhcpv6.MessageTypeConfirm, id, association("2001:db8:5::7")), dhcpv6.MessageTypeReply, "", "NotOnLink", refused},
		{"confirm of nothing", ask(dhcpv6.MessageTypeConfirm, id, association()), 0, "", "", ignored},
		{"release", ask(dhcpv6.MessageTypeRelease, id, ours, association("2001:db8::7")), dhcpv6.MessageTypeReply, "", "Success", noted},
		{"decline", ask(dhcpv6.MessageTypeDecline, id, ours, association("2001:db8::7")), dhcpv6.MessageTypeReply, "", "Success", declined},
		{"settings only", ask(dhcpv6.MessageTypeInformationRequest), dhcpv6.MessageTypeReply, "", "", answered},
		{"an advertisement", ask(dhcpv6.MessageTypeAdvertise, id, ours), 0, "", "", ignored},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply, verdict := answer6(tt.request, testClient())
			if verdict != tt.verdict || (reply == nil) != (tt.want == 0) {
				t.Fatalf("%s: %v", verdict, reply)
			}
			if reply == nil {
				return
			}
			back, err := dhcpv6.MessageFromBytes(reply.ToBytes())
			if err != nil || back.MessageType != tt.want || back.TransactionID != tt.request.TransactionID || back.Options.ServerID() == nil {
				t.Fatalf("%v, %v", err, back)
			}
			gives := ""
			for _, ia := range back.Options.IANA() {
				var all []any
				for _, a := range ia.Options.Addresses() {
					all = append(all, a.IPv6Addr, a.ValidLifetime)
				}
				gives += fmt.Sprint(all)
			}
			status := ""
			if s := back.Options.Status(); s != nil {
				status = s.StatusCode.String()
			}
			if gives != tt.gives || status != tt.status {
				t.Errorf("gives %s, status %q", gives, status)
			}
			if tt.verdict == answered && tt.status == "" && (len(back.Options.DNS()) != 1 || fmt.Sprint(back.Options.DomainSearchList().Labels) != "[red.example]") {
				t.Errorf("settings: %v", back)
			}
		})
	}
	second := association()
	second.IaId = [4]byte{0, 0, 0, 2}
	reply, _ := answer6(ask(dhcpv6.MessageTypeSolicit, id, association(), second), testClient())
	if all := reply.Options.IANA(); len(all) != 2 || all[1].Options.Status() == nil || all[1].Options.Status().StatusCode != iana.StatusNoAddrsAvail {
		t.Errorf("a second association: %v", all)
	}
	if reply, verdict := answer6(ask(dhcpv6.MessageTypeSolicit, id, association()), client{about: testClient().about}); reply != nil || verdict != ignored {
		t.Errorf("a solicit where addresses are formed: %v", reply)
	}
}

// TestAdvertisement reads an advertisement as gopacket does.
func TestAdvertisement(t *testing.T) {
	s := testClient().about.subnet
	formed := s
	formed.Mode, formed.Prefix, formed.DNS, formed.Domain, formed.Routes = intent.SLAAC, netip.MustParsePrefix("2001:db8:1::/64"), nil, "", nil
	a := advertisement{mac: serverMAC, from: serverIP6, router: true, weight: intent.HighPreference, mtu: 1442, subnets: []intent.Subnet{s, formed}}
	raw, err := a.frame(netip.Addr{}, mac)
	if err != nil {
		t.Fatal(err)
	}
	p := gopacket.NewPacket(raw, layers.LayerTypeEthernet, gopacket.Default)
	ra, ok := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
	ip := p.NetworkLayer().(*layers.IPv6)
	if !ok || p.ErrorLayer() != nil || ip.HopLimit != 255 || !ip.DstIP.Equal(net.ParseIP("ff02::1")) || ra.RouterLifetime != 1800 || ra.Flags != flagManaged|flagOther|0x08 || ra.HopLimit != 64 {
		t.Fatalf("%v: %v", p.ErrorLayer(), p)
	}
	var got []string
	for _, o := range ra.Options {
		got = append(got, fmt.Sprintf("%d:%x", o.Type, o.Data))
	}
	want := []string{
		"1:0a57ef740043", "5:0000000005a2",
		"3:4080ffffffffffffffff0000000020010db8000000000000000000000000", "3:40c000000e1000000e100000000020010db8000100000000000000000000",
		"25:00000000070820010db8000000000000000000000053", "31:0000000007080372656407" + fmt.Sprintf("%x", "example") + "00000000",
		"24:30080000070820010db8000900000000000000000000",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("option %d: got %v, want %s", i, got, want[i])
		}
	}
	if checksum := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6).Checksum; checksum == 0 {
		t.Error("no checksum")
	}
}

// FuzzAnswer6 answers arbitrary messages: nothing panics, and only the port's address is given.
func FuzzAnswer6(f *testing.F) {
	f.Add(ask(dhcpv6.MessageTypeRequest, dhcpv6.OptClientID(clientDUID), dhcpv6.OptServerID(serverDUID), association("2001:db8::7")).ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := dhcpv6.MessageFromBytes(b)
		if err != nil {
			return
		}
		reply, _ := answer6(req, testClient())
		if reply == nil {
			return
		}
		back, err := dhcpv6.MessageFromBytes(reply.ToBytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, ia := range back.Options.IANA() {
			for _, a := range ia.Options.Addresses() {
				if a.ValidLifetime > 0 && !is(a.IPv6Addr, testClient().leases[0].ip) {
					t.Errorf("gives %s", a.IPv6Addr)
				}
			}
		}
	})
}
