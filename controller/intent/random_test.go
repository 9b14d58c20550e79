package intent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// TestRandom runs random transactions on two catalogs over one store. However they end: what is unique is unique, what
// refers to something refers to what exists, what failed has changed nothing, and a catalog is what the store holds.
func TestRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := store.NewMemory()
		catalogs := []*Catalog{newCatalog(t, s), newCatalog(t, s)}
		t.Repeat(map[string]func(*rapid.T){
			"apply": func(t *rapid.T) {
				request := rapid.SliceOfN(rapid.Custom(anyResource), 1, 4).Draw(t, "request")
				try(t, s, func(c *Catalog) error {
					_, _, err := c.Apply(context.Background(), all(request...), nil)
					return err
				}, rapid.SampledFrom(catalogs).Draw(t, "catalog"))
			},
			"delete": func(t *rapid.T) {
				keys := rapid.SliceOfN(rapid.Custom(anyKey), 1, 3).Draw(t, "keys")
				cascade := rapid.Bool().Draw(t, "cascade")
				try(t, s, func(c *Catalog) error {
					_, _, err := c.Delete(context.Background(), keys, cascade, nil)
					return err
				}, rapid.SampledFrom(catalogs).Draw(t, "catalog"))
			},
		})
	})
}

// try makes a change, which may fail for the request's fault only.
func try(t *rapid.T, s store.Store, change func(*Catalog) error, c *Catalog) {
	before, rev, err := s.Load(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	err = change(c)
	mustBeWhole(t, c, s)
	mustBeSound(t, c)
	if err == nil {
		return
	}
	var invalid *InvalidError
	var missing *NotFoundError
	var inUse *InUseError
	if !errors.As(err, &invalid) && !errors.As(err, &missing) && !errors.As(err, &inUse) {
		t.Fatal(err)
	}
	after, now, err := s.Load(context.Background(), "")
	if err != nil || now != rev {
		t.Fatalf("a refused change made revision %d of %d: %v", now, rev, err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Fatal(diff)
	}
}

func anyName(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name") }

func anyProject(t *rapid.T) string {
	return rapid.SampledFrom([]string{"red", "blue"}).Draw(t, "project")
}

func anyKey(t *rapid.T) Key {
	key := Key{Kind: rapid.SampledFrom(Kinds()).Draw(t, "kind"), Name: anyName(t)}
	switch {
	case key.Kind == KindProject:
		key.Name = anyProject(t)
	case key.Kind.Owned():
		key.Project = anyProject(t)
	}
	if key.Kind == KindSecurityGroup && key.Name == "c" {
		key.Name = DefaultGroup
	}
	return key
}

// anyResource writes a resource as res reads it, from so few names and numbers that they often clash.
func anyResource(t *rapid.T) string {
	key := anyKey(t)
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "field") }
	network := `network:"` + pick("a", "b", "c", "red/a", "blue/b") + `" `
	var spec string
	switch key.Kind {
	case KindNetwork:
		physical := `physical_network:"p" `
		spec = pick("", `type:"geneve" `, `type:"gre" `, `type:"nvgre" `, `type:"flat" `+physical, `type:"vlan" `+physical, `type:"qinq" `+physical,
			`type:"qinq" inner_vlan_id:1 `+physical, `type:"local" `, `segments:{type:"vlan" `+physical+`} segments:{type:"gre"} `,
			`segments:{type:"vlan" segmentation_id:2 `+physical+`} segments:{type:"qinq" `+physical+`} segments:{type:"gre"} `) + pick("", "segmentation_id:1 ", "segmentation_id:2 ", "segmentation_id:256 ") + pick("", "shared:true ") + pick("", "mtu:1300 ") +
			pick("", "port_security_enabled:false ")
	case KindSubnet:
		spec = network + pick(`cidr:"10.0.0.0/29" `, `cidr:"10.0.0.8/29" `, `cidr:"10.0.0.0/28" `, `cidr:"2001:db8::/125" `) +
			pick("", "", `gateway_ip:"none" `, `gateway_ip:"10.0.0.3" `) + pick("", "", `allocation_pools:{start:"10.0.0.4" end:"10.0.0.5"}`)
	case KindPort:
		ip := func() string {
			return pick("", `fixed_ips:{ip:"10.0.0.4"} `, `fixed_ips:{ip:"10.0.0.5"} `, `fixed_ips:{ip:"10.0.0.3"} `, `fixed_ips:{subnet:"a"} `, `fixed_ips:{subnet:"blue/b"} `)
		}
		spec = network + pick("", "", `mac_address:"fa:16:3e:00:00:01" `, `mac_address:"fa:16:3e:00:00:02" `) + ip() + ip() +
			pick("", "", "no_fixed_ips:true ") + pick("", "port_security_enabled:true ") + pick("", "", `host:"a" `) +
			pick("", `security_groups:"a" `, `security_groups:"red/b" `) + pick("", "", `security_groups:"default" `)
	case KindSecurityGroup:
		spec = pick("", "shared:true ") + pick("", "", "stateful:false ") + anyRule(t) + anyRule(t)
	case KindSecurityPolicy:
		spec = pick("", `scope:"cloud" `) + pick("", `stage:"after" `) + strings.ReplaceAll(anyRule(t), "direction", `action:"drop" direction`)
	case KindAddressGroup:
		spec = pick("", "shared:true ") + pick("", `addresses:"10.0.0.1" `) + pick("", `addresses:"10.0.0.0/31" `)
	case KindFirewallPolicy:
		spec = pick("", "shared:true ") + pick("", `rules:{action:"allow" source_address_group:"c"} `, `rules:{destination_address_group:"blue/a"} `)
	case KindFirewallGroup:
		face := func() string {
			return pick("", `interfaces:{router:"a" subnet:"a"} `, `interfaces:{router:"b" subnet:"b"} `, `interfaces:{router:"red/a" subnet:"a"} `, `interfaces:{router:"a" port:"a"} `)
		}
		spec = pick("", "shared:true ") + face() + face() + pick("", `ingress_policy:"a" `) + pick("", `egress_policy:"red/b" `)
	case KindRouter:
		subnet := func() string {
			return pick("", `interfaces:{subnet:"a"} `, `interfaces:{subnet:"b"} `, `interfaces:{subnet:"red/c" ip:"10.0.0.6"} `, `interfaces:{subnet:"blue/a" ip:"10.0.0.4"} `,
				`interfaces:{port:"a"} `, `interfaces:{port:"b"} `)
		}
		spec = subnet() + subnet() + pick("", `routes:{destination:"10.9.0.0/16" next_hops:{ip:"10.0.0.2"}} `, `routes:{destination:"::/0" type:"reject"} `)
	case KindTrunk:
		inside := func(vlan string) string {
			return pick("", `sub_ports:{port:"a" segmentation_id:`+vlan+`} `, `sub_ports:{port:"b" segmentation_id:`+vlan+`} `)
		}
		spec = `port:"` + pick("a", "b", "c") + `" ` + inside("1") + inside("2")
	case KindHost:
		spec = pick("", `tunnel_ip:"10.9.0.1" `, `tunnel_ip:"10.9.0.2" `, `tunnel_ip:"10.9.0.3" unmanaged:true `, `datapath_id:"0000000000000001" label_switching:true `, `datapath_id:"0000000000000002" `)
	case KindLink:
		end := func() string {
			return pick(`host:"a" `, `host:"b" `, `host:"c" `) + pick(`port:"eth1" `, `port:"core" `)
		}
		spec = "a:{" + end() + "} b:{" + end() + "} " + pick("", "cost:20 ", "admin_state_up:false ")
	case KindFlowRule:
		spec = pick(`host:"a" `, `host:"b" `) + pick(`flow:"table=1,priority=5,ip actions=drop"`, `flow:"in_port=tap0 actions=output:red/vm1"`, `group:"group_id=1,type=all,bucket=output:1"`,
			`meter:"meter=1,kbps,band=type=drop,rate=5"`, `flow:"actions=outptu:1"`, ``)
	case KindSegmentRange:
		spec = pick(`network_type:"geneve" `, `network_type:"vxlan" `, `network_type:"vlan" physical_network:"p" `, `network_type:"qinq" physical_network:"p" `) + pick("minimum:1 ", "minimum:3 ") + pick("maximum:2", "maximum:3", "maximum:4")
	}
	return key.String() + " " + spec
}

// anyRule writes a rule, or none.
func anyRule(t *rapid.T) string {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "rule") }
	return pick("", `rules:{direction:"`+pick("ingress", "egress")+`" `+
		pick("", `remote_group:"a" `, `remote_group:"red/b" `, `remote_address_group:"c" `, `remote_address_group:"blue/a" `, `remote_ip_prefix:"10.0.0.0/8" `)+`} `)
}

// mustBeSound checks what no transaction may break.
func mustBeSound(t *rapid.T, c *Catalog) {
	owner := map[string]string{}
	own := func(r *weftv1.Resource, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		if other := owner[what]; other != "" {
			t.Fatalf("%s and %s both have %s", KeyOf(r), other, what)
		}
		owner[what] = KeyOf(r).String()
	}
	refers := func(r *weftv1.Resource, to Key) *weftv1.Resource {
		target, ok := c.Get(to)
		if !ok {
			t.Fatalf("%s refers to %s, which does not exist", KeyOf(r), to)
		}
		return target
	}
	type tag struct {
		id       uint32
		physical string
	}
	tagged := map[tag]bool{} // by outer tags: whether it is a vlan network's
	members := map[string]uint32{}
	for r := range c.List() {
		for _, group := range c.GroupsOfPort(KeyOf(r)) {
			members[Reference(KindSecurityGroup, r.GetProject(), group).String()]++
		}
	}
	for r := range c.List() {
		key := KeyOf(r)
		own(r, "uid %s", r.GetUid())
		if key.Kind.Owned() {
			refers(r, Key{Kind: KindProject, Name: key.Project})
		}
		switch s := r.GetStatus(); key.Kind {
		case KindNetwork:
			for _, g := range s.GetNetwork().GetSegments() {
				switch g.GetType() {
				case "local":
				case "qinq": // several networks may share an outer tag, with each other and with no other type
					vlan, taken := tagged[tag{g.GetSegmentationId(), g.GetPhysicalNetwork()}]
					if taken && vlan {
						t.Fatalf("%s has the tag of a vlan network", key)
					}
					tagged[tag{g.GetSegmentationId(), g.GetPhysicalNetwork()}] = false
					own(r, "tags %d, %d on %s", g.GetSegmentationId(), g.GetInnerVlanId(), g.GetPhysicalNetwork())
				case "vlan":
					if _, taken := tagged[tag{g.GetSegmentationId(), g.GetPhysicalNetwork()}]; taken {
						t.Fatalf("%s has a tag that is taken", key)
					}
					tagged[tag{g.GetSegmentationId(), g.GetPhysicalNetwork()}] = true
				default:
					own(r, "%s id %d on %s", g.GetType(), g.GetSegmentationId(), g.GetPhysicalNetwork())
				}
			}
			own(r, "tag %d", s.GetNetwork().GetTag())
			own(r, "zone %d", s.GetNetwork().GetZone())
			own(r, "zone %d", s.GetNetwork().GetBalancingZone())
		case KindSubnet:
			refers(r, Reference(KindNetwork, key.Project, r.GetSubnetSpec().GetNetwork()))
		case KindPort:
			network := Reference(KindNetwork, key.Project, r.GetPortSpec().GetNetwork())
			n := refers(r, network)
			if key.Project != network.Project && !n.GetNetworkSpec().GetShared() || n.GetStatus().GetNetwork().GetMtu() != s.GetPort().GetMtu() {
				t.Fatalf("%v on %v", r, n)
			}
			own(r, "%s on %s", s.GetPort().GetMacAddress(), network)
			for _, f := range s.GetPort().GetFixedIps() {
				subnet := refers(r, Reference(KindSubnet, key.Project, f.GetSubnet()))
				if subnet.GetStatus().GetSubnet().GetGatewayIp() == f.GetIp() {
					t.Fatalf("%s has the gateway's address", key)
				}
				own(r, "%s on %s", f.GetIp(), network)
			}
			mustBeGrouped(t, r, refers)
		case KindFirewallPolicy:
			own(r, "list %d", s.GetFirewallPolicy().GetTag())
			for _, set := range firewallSets(key, r.GetFirewallPolicySpec().GetRules()) {
				mayName(t, r, refers(r, set))
			}
		case KindFirewallGroup:
			mustBeWalled(t, r, own, refers)
		case KindSecurityGroup, KindSecurityPolicy, KindAddressGroup:
			if n := c.PortsOfGroup(key); n != members[key.String()] {
				t.Fatalf("%s has %d ports, and counts %d", key, members[key.String()], n)
			}
			own(r, "list %d", s.GetSecurityGroup().GetTag()+s.GetSecurityPolicy().GetTag()+s.GetAddressGroup().GetTag())
			for _, rule := range append(r.GetSecurityGroupSpec().GetRules(), r.GetSecurityPolicySpec().GetRules()...) {
				if remote, ok := remoteOf(key, rule); ok {
					mayName(t, r, refers(r, remote))
				}
			}
		case KindTrunk:
			f := trunkFactsOf(KeyOf(r), r.GetTrunkSpec())
			for _, port := range append([]Key{f.parent}, f.subports...) {
				own(r, "%s", port)
			}
		case KindRouter:
			own(r, "tag %d", s.GetRouter().GetTag())
			own(r, "zone %d", s.GetRouter().GetZone())
			networks := map[Key]bool{}
			for _, i := range s.GetRouter().GetInterfaces() {
				refers(r, Reference(KindSubnet, key.Project, i.GetSubnet()))
				network := Reference(KindNetwork, key.Project, i.GetNetwork())
				ip, _, _ := strings.Cut(i.GetAddress(), "/")
				if i.GetPort() != "" {
					mustBeItsPort(t, r, i, refers(r, Reference(KindPort, key.Project, i.GetPort())))
					continue
				}
				own(r, "%s on %s", ip, network)
				if !networks[network] {
					own(r, "%s on %s", s.GetRouter().GetMacAddress(), network)
				}
				networks[network] = true
			}
		case KindHost:
			if ip := r.GetHostSpec().GetTunnelIp(); ip != "" {
				own(r, "tunnel address %s", ip)
			}
			if id := r.GetHostSpec().GetDatapathId(); id != "" {
				own(r, "datapath id %s", id)
			}
		case KindFlowRule:
			refers(r, Key{Kind: KindHost, Name: r.GetFlowRuleSpec().GetHost()})
		case KindLink:
			own(r, "ends %v", linkFactsOf(r.GetLinkSpec()).ends)
			for _, end := range []*weftv1.LinkEnd{r.GetLinkSpec().GetA(), r.GetLinkSpec().GetB()} {
				refers(r, Key{Kind: KindHost, Name: end.GetHost()})
			}
		}
	}
}

// mustBeGrouped checks the security groups of a port.
func mustBeGrouped(t *rapid.T, port *weftv1.Resource, refers func(*weftv1.Resource, Key) *weftv1.Resource) {
	stateful := map[bool]bool{}
	for _, ref := range port.GetPortSpec().GetSecurityGroups() {
		group := refers(port, Reference(KindSecurityGroup, port.GetProject(), ref))
		mayName(t, port, group)
		stateful[unlessSaid(group.GetSecurityGroupSpec().Stateful)] = true
	}
	if len(stateful) > 1 || len(stateful) == 1 && !port.GetStatus().GetPort().GetPortSecurityEnabled() {
		t.Fatalf("%v has groups that do not go together, or no port security", port)
	}
}

// mustBeWalled checks a firewall group: its interfaces are those of routers, and are in no other one.
func mustBeWalled(t *rapid.T, group *weftv1.Resource, own func(*weftv1.Resource, string, ...any), refers func(*weftv1.Resource, Key) *weftv1.Resource) {
	f, err := firewallFactsOf(KeyOf(group), group)
	if err != nil {
		t.Fatal(err)
	}
	own(group, "list %d", f.tag)
	for _, policy := range named(f.ingress, f.egress) {
		mayName(t, group, refers(group, policy))
	}
	for _, face := range f.faces {
		own(group, "firewall on %s", face)
		r, err := routerFactsOf(face.Router, refers(group, face.Router))
		if err != nil || !slices.ContainsFunc(r.interfaces, func(i interfaceFacts) bool { return i.by() == face.By }) || face.Router.Project != group.GetProject() && !f.shared {
			t.Fatalf("%v has %s: %v", group, face, err)
		}
	}
}

// mayName checks that what one resource refers to is of its project, or shared.
func mayName(t *rapid.T, r, group *weftv1.Resource) {
	if r.GetProject() != group.GetProject() && !group.GetSecurityGroupSpec().GetShared() && !group.GetAddressGroupSpec().GetShared() && !group.GetFirewallPolicySpec().GetShared() {
		t.Fatalf("%v refers to %v, which is not shared", r, group)
	}
}

// mustBeItsPort checks an interface of a router that is by port.
func mustBeItsPort(t *rapid.T, router *weftv1.Resource, i *weftv1.RouterInterfaceStatus, port *weftv1.Resource) {
	s := port.GetStatus().GetPort()
	ip, _, _ := strings.Cut(i.GetAddress(), "/")
	has := slices.ContainsFunc(s.GetFixedIps(), func(f *weftv1.FixedIP) bool { return f.GetIp() == ip && f.GetSubnet() == i.GetSubnet() })
	if !has || s.GetMacAddress() != i.GetMacAddress() || port.GetPortSpec().GetHost() != "" {
		t.Fatalf("%v has %v, and %v", router, i, port)
	}
}

// FuzzApply applies arbitrary resources: nothing may panic, and what is accepted can be read back.
func FuzzApply(f *testing.F) {
	for _, r := range all(base, guarded) {
		raw, err := marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, v := range violations {
		for _, r := range all(v.apply) {
			raw, err := marshal(r)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &weftv1.Resource{}
		if err := proto.Unmarshal(raw, r); err != nil {
			return
		}
		c := with(t, base, `securitygroup/red/web shared:true`, `addressgroup/red/offices addresses:"192.0.2.0/25"`)
		before := contents(c)
		_, _, err := c.Apply(context.Background(), []*weftv1.Resource{r}, nil)
		var invalid *InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		if err != nil {
			if diff := cmp.Diff(before, contents(c), protocmp.Transform()); diff != "" {
				t.Fatal(diff)
			}
		}
		mustBeWhole(t, c, c.cfg.Store)
	})
}
