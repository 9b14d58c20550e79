package intent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// fataler is what both testing.TB and *rapid.T can do.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// res reads a resource: its key, and after a blank its spec as text: `port/red/vm1 network:"web"`.
func res(s string) *weftv1.Resource {
	name, spec, _ := strings.Cut(s, " ")
	parts := strings.Split(name, "/")
	fields := map[string]string{
		"project": "project_spec", "network": "network_spec", "subnet": "subnet_spec",
		"port": "port_spec", "host": "host_spec", "segmentrange": "segment_range_spec", "router": "router_spec", "trunk": "trunk_spec", "link": "link_spec", "flowrule": "flow_rule_spec",
		"floatingip": "floating_ip_spec", "portforwarding": "port_forwarding_spec", "natrule": "nat_rule_spec",
		"securitygroup": "security_group_spec", "addressgroup": "address_group_spec", "securitypolicy": "security_policy_spec",
		"firewallgroup": "firewall_group_spec", "firewallpolicy": "firewall_policy_spec",
		"loadbalancer": "load_balancer_spec", "listener": "listener_spec", "pool": "pool_spec", "healthmonitor": "health_monitor_spec",
	}
	r := &weftv1.Resource{}
	if err := prototext.Unmarshal([]byte(fields[parts[0]]+":{"+spec+"}"), r); err != nil {
		panic(fmt.Sprintf("%s: %v", s, err))
	}
	r.Kind, r.Name = string(specKind(r)), parts[len(parts)-1]
	if len(parts) == 3 {
		r.Project = parts[1]
	}
	return r
}

// all reads resources, one a line.
func all(lines ...string) []*weftv1.Resource {
	var list []*weftv1.Resource
	for _, text := range lines {
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, res(line))
			}
		}
	}
	return list
}

func newCatalog(t fataler, s store.Store) *Catalog {
	t.Helper()
	c, err := NewCatalog(CatalogConfig{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// with returns a catalog over a store of its own that holds these resources.
func with(t fataler, lines ...string) *Catalog {
	t.Helper()
	c := newCatalog(t, store.NewMemory())
	apply(t, c, lines...)
	return c
}

// apply applies resources and returns them as stored, by key.
func apply(t fataler, c *Catalog, lines ...string) map[string]*weftv1.Resource {
	t.Helper()
	_, results, err := c.Apply(context.Background(), all(lines...), nil)
	if err != nil {
		t.Fatalf("apply: %v", explain(err))
	}
	stored := map[string]*weftv1.Resource{}
	for _, r := range results {
		stored[KeyOf(r.GetResource()).String()] = r.GetResource()
	}
	return stored
}

// explain writes all violations of an error.
func explain(err error) string {
	var invalid *InvalidError
	if !errors.As(err, &invalid) {
		return fmt.Sprint(err)
	}
	var b strings.Builder
	for _, v := range invalid.Violations {
		fmt.Fprintf(&b, "%s\n", v)
	}
	return b.String()
}

// get returns a resource that must be there.
func get(t fataler, c *Catalog, name string) *weftv1.Resource {
	t.Helper()
	key, err := ParseKey(name)
	if err != nil {
		t.Fatal(err)
	}
	r, ok := c.Get(key)
	if !ok {
		t.Fatalf("%s does not exist", name)
	}
	return r
}

// addresses returns a port's MAC address and IP addresses.
func addresses(t fataler, c *Catalog, name string) (mac string, ips []string) {
	t.Helper()
	s := get(t, c, name).GetStatus().GetPort()
	for _, f := range s.GetFixedIps() {
		ips = append(ips, f.GetIp())
	}
	return s.GetMacAddress(), ips
}

// contents returns all that a catalog holds.
func contents(c *Catalog) map[string]*weftv1.Resource {
	m := map[string]*weftv1.Resource{}
	for r := range c.List() {
		m[KeyOf(r).String()] = proto.CloneOf(r)
	}
	return m
}

// mustBeWhole compares a catalog with a new one that reads the same store, indexes included.
func mustBeWhole(t fataler, c *Catalog, s store.Store) {
	t.Helper()
	kvs, rev, err := s.Load(context.Background(), StorePrefix)
	if err != nil {
		t.Fatal(err)
	}
	fresh := newCatalog(t, s)
	if err := fresh.FollowSnapshot(kvs, rev); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contents(fresh), contents(c), protocmp.Transform()); diff != "" {
		t.Fatalf("what the catalog holds is not what the store holds (-store +catalog):\n%s", diff)
	}
	if diff := cmp.Diff(indexes(fresh), indexes(c)); diff != "" {
		t.Fatalf("the catalog's indexes are not those of its resources (-new +grown):\n%s", diff)
	}
}

// indexes writes all indexes of a catalog.
func indexes(c *Catalog) map[string]string {
	m := map[string]string{}
	s := c.state
	for project, members := range s.members {
		m["members of "+project] = fmt.Sprint(members)
	}
	for key, n := range s.networks {
		if len(n.ports)+len(n.blocks) > 0 {
			m[key.String()] = fmt.Sprint(n.macs, n.ports, n.blocks)
		}
	}
	for key, n := range s.subnets {
		if len(n.ips) > 0 { // one that is empty may be kept, for its cursor
			m[key.String()] = fmt.Sprint(n.ips, n.taken.Len())
		}
	}
	for typ, n := range s.types {
		m["ids of "+typ.String()] = fmt.Sprint(n.ids, n.taken.Len(), n.ranges)
	}
	m["tags"] = fmt.Sprint(s.tags, s.tagged.Len())
	m["zones"] = fmt.Sprint(s.zones, s.zoned.Len())
	m["lists"] = fmt.Sprint(s.lists, s.listed.Len())
	m["references"] = fmt.Sprint(s.refs)
	m["firewalls"] = fmt.Sprint(s.walled)
	m["ports in default groups"] = fmt.Sprint(s.ungrouped)
	m["tunnels"] = fmt.Sprint(s.tunnels)
	return m
}
