package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

// Tenant is a project with one network, an IPv4 and an IPv6 subnet, and ports vm1 to vmN. All tenants have the same addresses
// and the same MACs.
type Tenant struct {
	Project string
	Network string // default: web; ports of another network are called after it: db-vm1 …
	Type    string // of the network; default: the server's
	Spec    string // more of the network's spec: "physicalNetwork: physnet1, segmentationId: 100"
	VMs     int
}

func (t Tenant) network() string {
	if t.Network == "" {
		return "web"
	}
	return t.Network
}

// port is the name of vmN.
func (t Tenant) port(n int) string {
	if t.Network == "" {
		return fmt.Sprintf("vm%d", n)
	}
	return fmt.Sprintf("%s-vm%d", t.Network, n)
}

// YAML is the tenant's manifest.
func (t Tenant) YAML() string {
	var b strings.Builder
	more := t.Spec
	if more != "" {
		more = ", " + more
	}
	fmt.Fprintf(&b, "kind: Network\nproject: %s\nname: %s\nspec: {type: %q%s}\n", t.Project, t.network(), t.Type, more)
	subnet := "---\nkind: Subnet\nproject: %s\nname: %s-%s\nspec: {network: %[2]s, cidr: %[4]q}\n"
	fmt.Fprintf(&b, subnet, t.Project, t.network(), "v4", "10.0.0.0/24")
	fmt.Fprintf(&b, subnet, t.Project, t.network(), "v6", "fd00:10::/64")
	for n := 1; n <= t.VMs; n++ {
		b.WriteString("---\n" + t.Port(n, ""))
	}
	return b.String()
}

// Port is the manifest of port vmN, with more lines of its spec, such as "adminStateUp: false".
func (t Tenant) Port(n int, more string) string {
	s := fmt.Sprintf(`kind: Port
project: %s
name: %s
spec:
  network: %s
  macAddress: fa:16:3e:00:00:%02x
  fixedIps: [{subnet: %[3]s-v4, ip: 10.0.0.%[5]d}, {subnet: %[3]s-v6, ip: "fd00:10::%[5]d"}]
`, t.Project, t.port(n), t.network(), 0x10+n, 10+n)
	if more != "" {
		s += "  " + more + "\n"
	}
	return s
}

// Names are the names of the ports: "red/vm1" …
func (t Tenant) Names() []string {
	names := make([]string, t.VMs)
	for i := range names {
		names[i] = t.Project + "/" + t.port(i+1)
	}
	return names
}

// Ref reads "port/red/vm1" or "host/h1".
func Ref(key string) *weftv1.ResourceRef {
	kind, rest, _ := strings.Cut(key, "/")
	ref := &weftv1.ResourceRef{Kind: strings.ToUpper(kind[:1]) + kind[1:], Name: rest}
	for _, k := range manifest.Kinds() {
		if strings.ToLower(k.Name) == kind {
			ref.Kind = k.Name
		}
	}
	if project, name, ok := strings.Cut(rest, "/"); ok {
		ref.Project, ref.Name = project, name
	}
	return ref
}

// Get returns a resource that must exist.
func (c *Cloud) Get(key string) *weftv1.Resource {
	c.T.Helper()
	res, err := c.get(key)
	if err != nil {
		c.T.Fatalf("get %s: %v", key, err)
	}
	return res
}

func (c *Cloud) get(key string) (*weftv1.Resource, error) {
	ctx, cancel := c.ctx()
	defer cancel()
	return c.Client.Get(ctx, Ref(key))
}

// Drops is how many frames a host has dropped, by reason, as its status says: that is up to 3 seconds old.
func (c *Cloud) Drops(host string) map[string]uint64 {
	c.T.Helper()
	return c.Get("host/" + host).GetStatus().GetHost().GetDrops()
}

// Tag is a network's number in the flow tables.
func (c *Cloud) Tag(network string) uint32 {
	c.T.Helper()
	return c.Get("network/" + network).GetStatus().GetNetwork().GetTag()
}

// Apply applies manifests and waits until every connected host has confirmed.
func (c *Cloud) Apply(manifests ...string) *weftv1.ApplyResponse {
	c.T.Helper()
	resp, err := c.TryApply(manifests...)
	if err != nil {
		c.T.Fatalf("apply: %v\n%s", err, strings.Join(manifests, "---\n"))
	}
	c.Realised(resp.GetRevision())
	return resp
}

// TryApply applies manifests.
func (c *Cloud) TryApply(manifests ...string) (*weftv1.ApplyResponse, error) {
	c.T.Helper()
	docs, err := manifest.Decode("test.yaml", strings.NewReader(strings.Join(manifests, "---\n")), manifest.Options{})
	if err != nil {
		return nil, err
	}
	var resources []*weftv1.Resource
	for _, d := range docs {
		resources = append(resources, d.Resource)
	}
	ctx, cancel := c.ctx()
	defer cancel()
	return c.Client.Apply(ctx, resources)
}

// Delete deletes resources and waits until every connected host has confirmed.
func (c *Cloud) Delete(opt client.DeleteOptions, keys ...string) {
	c.T.Helper()
	var refs []*weftv1.ResourceRef
	for _, k := range keys {
		refs = append(refs, Ref(k))
	}
	ctx, cancel := c.ctx()
	defer cancel()
	resp, err := c.Client.Delete(ctx, refs, opt)
	if err != nil {
		c.T.Fatalf("delete %v: %v", keys, err)
	}
	c.Realised(resp.GetRevision())
}

// Realised waits until every connected host has confirmed a revision.
func (c *Cloud) Realised(revision int64) {
	c.T.Helper()
	ctx, cancel := c.ctx()
	defer cancel()
	resp, err := c.Client.Wait(ctx, client.WaitOptions{Revision: revision, Timeout: patience})
	if err != nil {
		c.T.Fatalf("wait for revision %d: %v", revision, err)
	}
	if !resp.GetRealised() {
		c.T.Fatalf("revision %d is not realised: %v", revision, resp.GetHosts())
	}
}

// VM makes an endpoint for a port ("red/vm1"), with the MAC, the addresses and the MTU that the port has, and plugs it into
// a host. Use Active to wait until it is connected.
func (c *Cloud) VM(host, port string) *netlab.Endpoint {
	c.T.Helper()
	return c.VMWith(host, port, netlab.EndpointOptions{})
}

// VMWith is VM with some options given: what is not left zero stays.
func (c *Cloud) VMWith(host, port string, o netlab.EndpointOptions) *netlab.Endpoint {
	c.T.Helper()
	res := c.Get("port/" + port)
	st := res.GetStatus().GetPort()
	if o.IfaceID == "" {
		o.IfaceID = port
	}
	o.MAC, o.MTU = st.GetMacAddress(), int(st.GetMtu())
	for _, ip := range st.GetFixedIps() {
		cidr, err := netip.ParsePrefix(c.Get("subnet/" + res.GetProject() + "/" + ip.GetSubnet()).GetSubnetSpec().GetCidr())
		if err != nil {
			c.T.Fatal(err)
		}
		o.Addresses = append(o.Addresses, fmt.Sprintf("%s/%d", ip.GetIp(), cidr.Bits()))
	}
	e, err := c.Host(host).AddEndpoint(strings.ReplaceAll(port, "/", "-"), o)
	if err != nil {
		c.T.Fatal(err)
	}
	network := res.GetProject() + "/" + res.GetPortSpec().GetNetwork()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[network] = append(c.members[network], e)
	return e
}

// VMs makes the endpoints of a tenant's ports, vm1 on the first host, vm2 on the second and so on, and waits for them.
func (c *Cloud) VMs(t Tenant, hosts ...string) []*netlab.Endpoint {
	c.T.Helper()
	vms := make([]*netlab.Endpoint, t.VMs)
	for i, name := range t.Names() {
		vms[i] = c.VM(hosts[i%len(hosts)], name)
	}
	c.Active(t.Names()...)
	return vms
}

// Leave makes the cloud forget an endpoint whose port is no longer expected to work: nothing is sent from it to see whether
// others have got everything, but what arrives there still counts.
func (c *Cloud) Leave(e *netlab.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for network, all := range c.members {
		for i, m := range all {
			if m == e {
				c.members[network] = append(all[:i:i], all[i+1:]...)
				return
			}
		}
	}
}

// Join undoes Leave.
func (c *Cloud) Join(network string, e *netlab.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members[network] = append(c.members[network], e)
}

// Active waits until ports are plugged where their endpoints are and work.
func (c *Cloud) Active(ports ...string) {
	c.T.Helper()
	c.ActiveWithin(patience, ports...)
}

// ActiveWithin is Active with a limit.
func (c *Cloud) ActiveWithin(within time.Duration, ports ...string) {
	c.T.Helper()
	c.Eventually(within, "ports are active", func() error {
		for _, port := range ports {
			if err := c.active(port); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *Cloud) active(port string) error {
	res, err := c.get("port/" + port)
	if err != nil {
		return err
	}
	st := res.GetStatus()
	if e, ok := c.Lab.Endpoint(strings.ReplaceAll(port, "/", "-")); ok && st.GetPort().GetHost() != e.Host().Name() {
		return fmt.Errorf("port %s is on host %q, its endpoint on %q: %v", port, st.GetPort().GetHost(), e.Host().Name(), st.GetConditions())
	}
	if st.GetPhase() != weftv1.Status_PHASE_ACTIVE {
		return fmt.Errorf("port %s is %v: %v", port, st.GetPhase(), st.GetConditions())
	}
	return nil
}

// Phase waits until a resource has a phase.
func (c *Cloud) Phase(key string, want weftv1.Status_Phase) {
	c.T.Helper()
	c.Eventually(patience, key+" becomes "+want.String(), func() error {
		res, err := c.get(key)
		if err != nil {
			return err
		}
		if got := res.GetStatus().GetPhase(); got != want {
			return fmt.Errorf("it is %v: %v", got, res.GetStatus().GetConditions())
		}
		return nil
	})
}

// Revision is the store's.
func (c *Cloud) Revision() int64 {
	c.T.Helper()
	ctx, cancel := c.ctx()
	defer cancel()
	info, err := c.Client.Info(ctx)
	if err != nil {
		c.T.Fatal(err)
	}
	return info.GetRevision()
}
