package intent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// TestDefaults applies a request whose order is against its references, and looks at all that is filled in.
func TestDefaults(t *testing.T) {
	c := newCatalog(t, store.NewMemory())
	rev, results, err := c.Apply(context.Background(), all(`
		port/red/vm1 network:"web"
		subnet/red/v6 network:"web" cidr:"2001:db8::/64"
		subnet/red/v4 network:"web" cidr:"10.0.0.0/24" gateway_ip:"10.0.0.7"
		network/red/web
		network/red/gen type:"geneve" port_security_enabled:false
		port/red/vm2 network:"gen"
		subnet/red/none network:"gen" cidr:"10.0.0.0/30" gateway_ip:"none"
		network/blue/own type:"gre" mtu:1300`), nil)
	if err != nil {
		t.Fatal(explain(err))
	}
	var order []string
	for _, r := range results {
		if r.GetOutcome() != weftv1.ApplyResult_OUTCOME_CREATED || r.GetResource().GetRevision() != rev || len(r.GetResource().GetUid()) != 36 {
			t.Errorf("%v", r)
		}
		order = append(order, KeyOf(r.GetResource()).String())
	}
	if got, want := strings.Join(order, " "), "port/red/vm1 subnet/red/v6 subnet/red/v4 network/red/web network/red/gen port/red/vm2 subnet/red/none network/blue/own project/blue project/red"; got != want {
		t.Errorf("results %s, want %s", got, want)
	}
	for name, want := range map[string]string{
		"network/red/web":  `network:{segmentation_id:5001 mtu:1450 tag:1 type:"vxlan" segments:{type:"vxlan" segmentation_id:5001} zone:1 balancing_zone:2}`,
		"network/red/gen":  `network:{segmentation_id:5001 mtu:1442 tag:2 type:"geneve" segments:{type:"geneve" segmentation_id:5001} zone:3 balancing_zone:4}`,
		"network/blue/own": `network:{segmentation_id:5001 mtu:1300 tag:3 type:"gre" segments:{type:"gre" segmentation_id:5001} zone:5 balancing_zone:6}`,
		"subnet/red/v4": `subnet:{ip_version:4 gateway_ip:"10.0.0.7" allocation_pools:{start:"10.0.0.1" end:"10.0.0.6"}` +
			` allocation_pools:{start:"10.0.0.8" end:"10.0.0.254"}}`,
		"subnet/red/v6":   `subnet:{ip_version:6 gateway_ip:"2001:db8::1" allocation_pools:{start:"2001:db8::2" end:"2001:db8::ffff:ffff:ffff:ffff"}}`,
		"subnet/red/none": `subnet:{ip_version:4 allocation_pools:{start:"10.0.0.1" end:"10.0.0.2"}}`,
		"port/red/vm1":    `port:{fixed_ips:{subnet:"v4" ip:"10.0.0.1"} fixed_ips:{subnet:"v6" ip:"2001:db8::2"} mtu:1450 port_security_enabled:true}`,
		"port/red/vm2":    `port:{fixed_ips:{subnet:"none" ip:"10.0.0.1"} mtu:1442}`,
	} {
		s := proto.CloneOf(get(t, c, name).GetStatus())
		if p := s.GetPort(); p != nil {
			if !strings.HasPrefix(p.GetMacAddress(), "fa:16:3e:") {
				t.Errorf("%s has MAC address %s", name, p.GetMacAddress())
			}
			p.MacAddress = ""
		}
		if got := strings.ReplaceAll(fmt.Sprint(s), "  ", " "); got != want {
			t.Errorf("%s\n got %s\nwant %s", name, got, want)
		}
	}
	mustBeWhole(t, c, c.cfg.Store)
}

// TestUnchanged applies the same again: nothing is written, and no revision made.
func TestUnchanged(t *testing.T) {
	c := with(t, base)
	before, rev := contents(c), c.Revision()
	got, results, err := c.Apply(context.Background(), all(base), nil)
	if err != nil || got != rev {
		t.Fatalf("revision %d, want %d: %v", got, rev, err)
	}
	for _, r := range results {
		if r.GetOutcome() != weftv1.ApplyResult_OUTCOME_UNCHANGED || !proto.Equal(r.GetResource(), before[KeyOf(r.GetResource()).String()]) {
			t.Errorf("%v", r)
		}
	}
	// One that changes among others that do not: only it is written.
	_, results, err = c.Apply(context.Background(), all(base, `port/red/new network:"web"`), nil)
	if err != nil {
		t.Fatal(explain(err))
	}
	for _, r := range results[:len(results)-1] {
		if r.GetOutcome() != weftv1.ApplyResult_OUTCOME_UNCHANGED || r.GetResource().GetRevision() != rev {
			t.Errorf("%v", r)
		}
	}
}

// TestUpdateKeeps leaves out what was given or allocated before.
func TestUpdateKeeps(t *testing.T) {
	c := with(t, base, `subnet/red/v6 network:"web" cidr:"2001:db8::/64"`, `port/red/vm2 network:"web"`)
	mac, ips := addresses(t, c, "port/red/vm2")
	uid, created := get(t, c, "port/red/vm2").GetUid(), get(t, c, "port/red/vm2").GetCreated()
	same := func(step string, wantIPs ...string) {
		t.Helper()
		gotMAC, gotIPs := addresses(t, c, "port/red/vm2")
		if gotMAC != mac || !cmp.Equal(gotIPs, wantIPs) {
			t.Errorf("%s: %s %v, want %s %v", step, gotMAC, gotIPs, mac, wantIPs)
		}
	}
	apply(t, c, `port/red/vm2 network:"web" device_id:"x"`)
	same("another field", ips...)
	apply(t, c, `port/red/vm2 network:"web" fixed_ips:{subnet:"web-v4"}`)
	same("a subnet only", ips[0])
	apply(t, c, `port/red/vm2 network:"web" fixed_ips:{subnet:"web-v4"} fixed_ips:{ip:"10.0.0.200"}`)
	same("one more", ips[0], "10.0.0.200")
	apply(t, c, `port/red/vm2 network:"web"`)
	same("absent", ips[0], "10.0.0.200")
	apply(t, c, `port/red/vm2 network:"web" no_fixed_ips:true`)
	same("none")
	if r := get(t, c, "port/red/vm2"); r.GetUid() != uid || !proto.Equal(r.GetCreated(), created) || !r.GetUpdated().AsTime().After(created.AsTime()) {
		t.Errorf("uid %s, created %v, updated %v", r.GetUid(), r.GetCreated(), r.GetUpdated())
	}
	apply(t, c, `port/red/vm1 network:"web"`)
	if mac, ips := addresses(t, c, "port/red/vm1"); mac != "fa:16:3e:00:00:01" || !cmp.Equal(ips, []string{"10.0.0.10"}) {
		t.Errorf("what was given was not kept: %s %v", mac, ips)
	}
	mustBeWhole(t, c, c.cfg.Store)
}

// TestTrade has ports, hosts and ranges exchange what is unique, in one request.
func TestTrade(t *testing.T) {
	c := with(t, base, `
		port/red/vm2 network:"web" fixed_ips:{ip:"10.0.0.20"} mac_address:"fa:16:3e:00:00:02"
		host/h2 tunnel_ip:"10.99.0.2"
		segmentrange/a network_type:"gre" minimum:1 maximum:5
		segmentrange/b network_type:"gre" minimum:6 maximum:9`)
	apply(t, c, `
		port/red/vm1 network:"web" fixed_ips:{ip:"10.0.0.20"} mac_address:"fa:16:3e:00:00:02"
		port/red/vm2 network:"web" fixed_ips:{ip:"10.0.0.10"} mac_address:"fa:16:3e:00:00:01"
		host/h1 tunnel_ip:"10.99.0.2"
		host/h2 tunnel_ip:"10.99.0.1"
		segmentrange/a network_type:"gre" minimum:6 maximum:9
		segmentrange/b network_type:"gre" minimum:1 maximum:5`)
	if mac, ips := addresses(t, c, "port/red/vm2"); mac != "fa:16:3e:00:00:01" || ips[0] != "10.0.0.10" {
		t.Errorf("%s %v", mac, ips)
	}
	// A gateway may move to where a port leaves in the same request.
	apply(t, c, `
		subnet/red/web-v4 network:"web" cidr:"10.0.0.0/24" gateway_ip:"10.0.0.20"
		port/red/vm1 network:"web" fixed_ips:{ip:"10.0.0.30"}`)
	mustBeWhole(t, c, c.cfg.Store)
}

// TestNotReusedAtOnce frees what was allocated, and sees that others get something else.
func TestNotReusedAtOnce(t *testing.T) {
	c := with(t, base, `network/red/n1`, `port/red/p1 network:"web"`)
	n1, p1 := get(t, c, "network/red/n1").GetStatus().GetNetwork(), get(t, c, "port/red/p1").GetStatus().GetPort()
	if _, _, err := c.Delete(context.Background(), []Key{{KindNetwork, "red", "n1"}, {KindPort, "red", "p1"}}, false, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, c, `network/red/n2`, `port/red/p2 network:"web"`)
	n2, p2 := get(t, c, "network/red/n2").GetStatus().GetNetwork(), get(t, c, "port/red/p2").GetStatus().GetPort()
	if n2.GetSegmentationId() != n1.GetSegmentationId()+1 || n2.GetTag() != n1.GetTag()+1 {
		t.Errorf("freed %v, and then %v", n1, n2)
	}
	if p1.GetFixedIps()[0].GetIp() != "10.0.0.2" || p2.GetFixedIps()[0].GetIp() != "10.0.0.3" || p1.GetMacAddress() == p2.GetMacAddress() {
		t.Errorf("freed %v, and then %v", p1, p2)
	}
}

// TestFewLeft fills a subnet, and frees one address: it is found.
func TestFewLeft(t *testing.T) {
	c := with(t, `network/red/n
		subnet/red/s network:"n" cidr:"10.0.0.0/29"
		subnet/red/t network:"n" cidr:"10.0.1.0/30"`)
	var got []string
	for i := range 6 {
		apply(t, c, fmt.Sprintf(`port/red/p%d network:"n"`, i))
		_, ips := addresses(t, c, fmt.Sprintf("port/red/p%d", i))
		got = append(got, ips...)
	}
	if want := "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 10.0.1.2"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	_, _, err := c.Apply(context.Background(), all(`port/red/p6 network:"n"`), nil)
	var invalid *InvalidError
	if !errors.As(err, &invalid) || !invalid.Exhausted() {
		t.Errorf("%v", err)
	}
	if _, _, err := c.Delete(context.Background(), []Key{{KindPort, "red", "p2"}}, false, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, c, `port/red/p6 network:"n"`)
	if _, ips := addresses(t, c, "port/red/p6"); ips[0] != "10.0.0.4" {
		t.Errorf("%v", ips)
	}
	if used := c.UsedIPs(Key{KindSubnet, "red", "s"}); used != 5 {
		t.Errorf("%d addresses are used", used)
	}
}

// TestSharedNetwork has another project's ports and subnets on a network, and names of subnets resolve.
func TestSharedNetwork(t *testing.T) {
	c := with(t, base, `
		subnet/blue/more network:"red/pub" cidr:"198.51.100.0/24"
		port/blue/a network:"red/pub" fixed_ips:{subnet:"more"} fixed_ips:{subnet:"pub-v4"} fixed_ips:{subnet:"red/pub-v4"}`)
	var got []string
	for _, f := range get(t, c, "port/blue/a").GetStatus().GetPort().GetFixedIps() {
		got = append(got, f.GetSubnet()+" "+f.GetIp())
	}
	if want := []string{"more 198.51.100.2", "red/pub-v4 192.0.2.3", "red/pub-v4 192.0.2.4"}; !cmp.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	mustBeWhole(t, c, c.cfg.Store)
}

// TestPortSecurityDefault takes the network's setting when the port is made, as Neutron does.
func TestPortSecurityDefault(t *testing.T) {
	c := with(t, `network/red/n port_security_enabled:false`, `port/red/p network:"n"`)
	secure := func() bool { return get(t, c, "port/red/p").GetStatus().GetPort().GetPortSecurityEnabled() }
	if secure() {
		t.Error("the network's default was not taken")
	}
	apply(t, c, `network/red/n`)
	apply(t, c, `port/red/p network:"n" device_id:"x"`)
	if secure() {
		t.Error("the default changed under a port that exists")
	}
	apply(t, c, `port/red/p network:"n" port_security_enabled:false`)
	apply(t, c, `port/red/p network:"n"`)
	if !secure() {
		t.Error("a port that no longer says for itself takes the network's default of today")
	}
}

// TestMTUReachesPorts changes a network's MTU, and the underlay's.
func TestMTUReachesPorts(t *testing.T) {
	s := store.NewMemory()
	c := newCatalog(t, s)
	apply(t, c, base, `port/red/vm2 network:"web"`)
	updated := get(t, c, "port/red/vm2").GetUpdated()
	_, results, err := c.Apply(context.Background(), all(`network/red/web mtu:1400`, `port/red/vm1 network:"web" fixed_ips:{ip:"10.0.0.10"} mac_address:"fa:16:3e:00:00:01"`), nil)
	if err != nil {
		t.Fatal(explain(err))
	}
	if results[1].GetOutcome() != weftv1.ApplyResult_OUTCOME_UPDATED || results[1].GetResource().GetStatus().GetPort().GetMtu() != 1400 {
		t.Errorf("%v", results[1])
	}
	if r := get(t, c, "port/red/vm2"); r.GetStatus().GetPort().GetMtu() != 1400 || r.GetRevision() != c.Revision() || !proto.Equal(r.GetUpdated(), updated) {
		t.Errorf("%v", r)
	}
	mustBeWhole(t, c, s)

	jumbo, err := NewCatalog(CatalogConfig{Store: s, UnderlayMTU: 9000})
	if err != nil {
		t.Fatal(err)
	}
	apply(t, jumbo, `network/red/web`)
	if mtu := get(t, jumbo, "port/red/vm2").GetStatus().GetPort().GetMtu(); mtu != 8950 {
		t.Errorf("MTU %d", mtu)
	}
	for _, bad := range []int{1337, 65536, -1} {
		if _, err := NewCatalog(CatalogConfig{Store: s, UnderlayMTU: bad}); err == nil {
			t.Errorf("underlay MTU %d was accepted", bad)
		}
	}
}

// TestLateSubnet gives a port its address when it is applied again after its network has got a subnet.
func TestLateSubnet(t *testing.T) {
	c := with(t, `network/red/n`, `port/red/p network:"n"`)
	if _, ips := addresses(t, c, "port/red/p"); len(ips) != 0 {
		t.Fatal(ips)
	}
	apply(t, c, `subnet/red/s network:"n" cidr:"10.0.0.0/24"`, `port/red/p network:"n"`)
	if _, ips := addresses(t, c, "port/red/p"); !cmp.Equal(ips, []string{"10.0.0.2"}) {
		t.Fatal(ips)
	}
}

func TestPreconditions(t *testing.T) {
	c := with(t, base)
	rev := c.Revision()
	at := func(name string, rev int64) *weftv1.Precondition {
		key, err := ParseKey(name)
		if err != nil {
			t.Fatal(err)
		}
		return &weftv1.Precondition{Ref: key.Ref(), Revision: rev}
	}
	change := all(`port/red/vm1 network:"web" device_id:"x"`)
	_, _, err := c.Apply(context.Background(), change, []*weftv1.Precondition{at("port/red/vm1", rev+1), at("port/red/vm9", 3), at("host/h1", 0)})
	var conflict *ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("%v", err)
	}
	want := []Mismatch{{Key{KindPort, "red", "vm1"}, rev + 1, rev}, {Key{KindPort, "red", "vm9"}, 3, 0}, {Key{KindHost, "", "h1"}, 0, rev}}
	if diff := cmp.Diff(want, conflict.Mismatches); diff != "" {
		t.Error(diff)
	}
	if got, want := err.Error(), fmt.Sprintf("port/red/vm1 is at revision %d, expected %d; port/red/vm9 does not exist, expected at revision 3; host/h1 exists, at revision %d", rev, rev+1, rev); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, _, err := c.Apply(context.Background(), change, []*weftv1.Precondition{at("port/red/vm1", rev), at("port/red/vm9", 0)}); err != nil {
		t.Error(err)
	}
	_, _, err = c.Delete(context.Background(), []Key{{KindPort, "red", "vm1"}}, false, []*weftv1.Precondition{at("port/red/vm1", rev)})
	if !errors.As(err, &conflict) {
		t.Errorf("%v", err)
	}
	_, _, err = c.Apply(context.Background(), change, []*weftv1.Precondition{{Ref: &weftv1.ResourceRef{Kind: "Port", Name: "x"}}})
	if want := `preconditions[0].ref: Port "x" without a project`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
