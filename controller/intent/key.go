package intent

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Kind is a kind of resource.
type Kind string

// The kinds of resources.
const (
	KindProject      Kind = "Project"
	KindNetwork      Kind = "Network"
	KindSubnet       Kind = "Subnet"
	KindPort         Kind = "Port"
	KindHost         Kind = "Host"
	KindSegmentRange Kind = "SegmentRange"
	KindRouter       Kind = "Router"
	KindTrunk        Kind = "Trunk"
	KindFloatingIP   Kind = "FloatingIP"

	KindPortForwarding Kind = "PortForwarding"
	KindNATRule        Kind = "NATRule"
	KindLink           Kind = "Link"
	KindSecurityGroup  Kind = "SecurityGroup"
	KindAddressGroup   Kind = "AddressGroup"
	KindSecurityPolicy Kind = "SecurityPolicy"
	KindLoadBalancer   Kind = "LoadBalancer"
	KindListener       Kind = "Listener"
	KindPool           Kind = "Pool"
	KindFlowRule       Kind = "FlowRule"
	KindHealthMonitor  Kind = "HealthMonitor"
	KindFirewallGroup  Kind = "FirewallGroup"
	KindFirewallPolicy Kind = "FirewallPolicy"
)

// Kinds returns all kinds, in the order of List.
func Kinds() []Kind {
	return []Kind{KindAddressGroup, KindFirewallGroup, KindFirewallPolicy, KindFloatingIP, KindFlowRule, KindHealthMonitor, KindHost, KindLink, KindListener, KindLoadBalancer, KindNATRule, KindNetwork, KindPool, KindPort, KindPortForwarding, KindProject, KindRouter, KindSecurityGroup,
		KindSecurityPolicy, KindSegmentRange, KindSubnet, KindTrunk}
}

// Owned tells whether resources of the kind belong to a project.
func (k Kind) Owned() bool {
	switch k {
	case KindNetwork, KindSubnet, KindPort, KindRouter, KindTrunk, KindFloatingIP, KindPortForwarding, KindNATRule, KindSecurityGroup, KindAddressGroup, KindSecurityPolicy,
		KindLoadBalancer, KindListener, KindPool, KindHealthMonitor, KindFirewallGroup, KindFirewallPolicy:
		return true
	}
	return false
}

// lower returns the kind as keys have it.
func (k Kind) lower() string {
	switch k {
	case KindProject:
		return "project"
	case KindNetwork:
		return "network"
	case KindSubnet:
		return "subnet"
	case KindPort:
		return "port"
	case KindHost:
		return "host"
	case KindSegmentRange:
		return "segmentrange"
	case KindRouter:
		return "router"
	case KindTrunk:
		return "trunk"
	case KindFloatingIP:
		return "floatingip"
	case KindPortForwarding:
		return "portforwarding"
	case KindNATRule:
		return "natrule"
	case KindLink:
		return "link"
	case KindSecurityGroup:
		return "securitygroup"
	case KindAddressGroup:
		return "addressgroup"
	case KindSecurityPolicy:
		return "securitypolicy"
	case KindLoadBalancer:
		return "loadbalancer"
	case KindListener:
		return "listener"
	case KindPool:
		return "pool"
	case KindFlowRule:
		return "flowrule"
	case KindHealthMonitor:
		return "healthmonitor"
	case KindFirewallGroup:
		return "firewallgroup"
	case KindFirewallPolicy:
		return "firewallpolicy"
	}
	return strings.ToLower(string(k))
}

// problem says what is wrong with a kind that is none; "" for one that there is.
func (k Kind) problem() string {
	if slices.Contains(Kinds(), k) {
		return ""
	}
	var names []string
	for _, known := range Kinds() {
		names = append(names, string(known))
	}
	return fmt.Sprintf("there is no kind %q%s", string(k), didYouMean(string(k), names))
}

// Key names a resource. Project is empty for kinds that belong to none.
type Key struct {
	Kind          Kind
	Project, Name string
}

// String returns "port/red/vm1", or "host/h1" for a kind that belongs to no project.
func (k Key) String() string {
	if k.Project == "" {
		return k.Kind.lower() + "/" + k.Name
	}
	return k.Kind.lower() + "/" + k.Project + "/" + k.Name
}

// Compare orders keys by kind, project and name.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Project, o.Project), cmp.Compare(k.Name, o.Name))
}

// Ref returns the key as the API writes it.
func (k Key) Ref() *weftv1.ResourceRef {
	return &weftv1.ResourceRef{Kind: string(k.Kind), Project: k.Project, Name: k.Name}
}

// KeyOfRef returns the key that a reference of the API names; the error says what is wrong with it.
func KeyOfRef(ref *weftv1.ResourceRef) (Key, error) {
	k := Kind(ref.GetKind())
	switch problem := k.problem(); {
	case problem != "":
		return Key{}, errors.New(problem)
	case ref.GetName() == "":
		return Key{}, fmt.Errorf("a %s without a name", k)
	case k.Owned() && ref.GetProject() == "":
		return Key{}, fmt.Errorf("%s %q without a project", k, ref.GetName())
	case !k.Owned() && ref.GetProject() != "":
		return Key{}, fmt.Errorf("%s %q belongs to no project", k, ref.GetName())
	}
	return Key{k, ref.GetProject(), ref.GetName()}, nil
}

// KeyOf returns the key of a resource. Where its kind is left out, the spec tells it.
func KeyOf(res *weftv1.Resource) Key {
	kind := Kind(res.GetKind())
	if kind == "" {
		kind = specKind(res)
	}
	return Key{Kind: kind, Project: res.GetProject(), Name: res.GetName()}
}

// specKind returns the kind that the spec is for; empty: it has none.
func specKind(res *weftv1.Resource) Kind {
	switch res.GetSpec().(type) {
	case *weftv1.Resource_ProjectSpec:
		return KindProject
	case *weftv1.Resource_NetworkSpec:
		return KindNetwork
	case *weftv1.Resource_SubnetSpec:
		return KindSubnet
	case *weftv1.Resource_PortSpec:
		return KindPort
	case *weftv1.Resource_HostSpec:
		return KindHost
	case *weftv1.Resource_SegmentRangeSpec:
		return KindSegmentRange
	case *weftv1.Resource_RouterSpec:
		return KindRouter
	case *weftv1.Resource_TrunkSpec:
		return KindTrunk
	case *weftv1.Resource_FloatingIpSpec:
		return KindFloatingIP
	case *weftv1.Resource_PortForwardingSpec:
		return KindPortForwarding
	case *weftv1.Resource_NatRuleSpec:
		return KindNATRule
	case *weftv1.Resource_LinkSpec:
		return KindLink
	case *weftv1.Resource_FlowRuleSpec:
		return KindFlowRule
	case *weftv1.Resource_SecurityGroupSpec:
		return KindSecurityGroup
	case *weftv1.Resource_AddressGroupSpec:
		return KindAddressGroup
	case *weftv1.Resource_SecurityPolicySpec:
		return KindSecurityPolicy
	case *weftv1.Resource_LoadBalancerSpec:
		return KindLoadBalancer
	case *weftv1.Resource_ListenerSpec:
		return KindListener
	case *weftv1.Resource_PoolSpec:
		return KindPool
	case *weftv1.Resource_HealthMonitorSpec:
		return KindHealthMonitor
	case *weftv1.Resource_FirewallGroupSpec:
		return KindFirewallGroup
	case *weftv1.Resource_FirewallPolicySpec:
		return KindFirewallPolicy
	}
	return ""
}

// ParseKey reads what Key.String writes.
func ParseKey(s string) (Key, error) {
	kind, rest, _ := strings.Cut(s, "/")
	for _, k := range Kinds() {
		if k.lower() != kind {
			continue
		}
		key := Key{Kind: k, Name: rest}
		if k.Owned() {
			key.Project, key.Name, _ = strings.Cut(rest, "/")
			if nameProblem(key.Project) != "" {
				return Key{}, fmt.Errorf("%q does not name a resource: want %s/PROJECT/NAME", s, kind)
			}
		}
		if nameProblem(key.Name) != "" {
			return Key{}, fmt.Errorf("%q does not name a resource: its name is not valid", s)
		}
		return key, nil
	}
	return Key{}, fmt.Errorf("%q does not name a resource: there is no kind %q", s, kind)
}

// Reference resolves a reference as specs have them, "web" or "blue/web", from within a project.
func Reference(kind Kind, project, ref string) Key {
	if p, name, ok := strings.Cut(ref, "/"); ok {
		return Key{Kind: kind, Project: p, Name: name}
	}
	return Key{Kind: kind, Project: project, Name: ref}
}

// relative is how a spec of the project refers to the key, the inverse of Reference.
func (k Key) relative(project string) string {
	if k.Project == project || !k.Kind.Owned() {
		return k.Name
	}
	return k.Project + "/" + k.Name
}

// StorePrefix is what the store's keys of resources begin with.
const StorePrefix = "r/"

// StoredKey returns where the store has a resource: "r/port/red/vm1", "r/host//h1".
func StoredKey(k Key) string { return StorePrefix + k.Kind.lower() + "/" + k.Project + "/" + k.Name }

// KeyOfStored is the inverse of StoredKey.
func KeyOfStored(storeKey string) (Key, error) {
	rest, ok := strings.CutPrefix(storeKey, StorePrefix)
	if ok {
		if kind, rest, ok := strings.Cut(rest, "/"); ok {
			key, err := ParseKey(kind + "/" + strings.TrimPrefix(rest, "/"))
			if err == nil && StoredKey(key) == storeKey {
				return key, nil
			}
		}
	}
	return Key{}, fmt.Errorf("store key %q does not name a resource", storeKey)
}
