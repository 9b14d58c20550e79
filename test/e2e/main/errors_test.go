package main_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Every mistake gets an error that says what is wrong where, nothing is stored, and packets flow on.
func TestErrors(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	p := twoTenants(c, "h1", "h2")
	stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]})
	before, had := everything(c), allFlows(c)
	for _, m := range mistakes() {
		c.Run(m.name, func(c *e2e.Cloud) {
			revision := c.Revision()
			stdout, stderr, status := c.TryWeft(m.manifest, "apply", "-f", "-")
			if status != 1 || strings.Contains(stdout, "revision") {
				c.T.Errorf("exit status %d, output %q", status, stdout)
			}
			for _, word := range append(m.says, "nothing was applied") {
				if !strings.Contains(stderr, word) {
					c.T.Errorf("the error does not say %q:\n%s", word, stderr)
				}
			}
			for _, noise := range []string{"rpc error", "code =", "goroutine", "proto:"} {
				if strings.Contains(stderr, noise) {
					c.T.Errorf("the error is not for people:\n%s", stderr)
				}
			}
			if now := c.Revision(); now != revision {
				c.T.Errorf("revision %d became %d", revision, now)
			}
		})
	}
	c.Run("delete in use", deleteInUse)
	c.Run("revision conflict", func(c *e2e.Cloud) { revisionConflict(c, p) })
	c.Run("10,001 resources", tooMany)
	c.Run("5 MB message", tooLarge)
	c.Run("unknown names", unknownNames)
	same(c, before)
	c.Do(difference(had, allFlows(c)))
	stop()
}

// mistake is a manifest that must be refused, and what must be said.
type mistake struct {
	name, manifest string
	says           []string
}

func mistakes() []mistake {
	port := func(spec string) string {
		return "kind: Port\nproject: red\nname: vm9\nspec: {network: web, " + spec + "}\n"
	}
	return []mistake{
		{"bad YAML", "kind: Port\n project: red\n", []string{":2", "not valid YAML"}},
		{"a tab", "kind: Port\nspec:\n\tnetwork: web\n", []string{":3", "tab"}},
		{"no YAML at all", "\x00\x01\x02", []string{"not"}},
		{"unknown kind", "kind: Prot\nproject: red\nname: vm9\nspec: {}\n", []string{":1", "Prot", "Port"}},
		{"unknown field", port("fixedIp: [{ip: 10.0.0.9}]"), []string{":4", "port/red/vm9", "spec.fixedIp", "fixedIps"}},
		{"wrong type", port("fixedIps: 10.0.0.9"), []string{":4", "spec.fixedIps"}},
		{"unknown network", "kind: Port\nproject: red\nname: vm9\nspec: {network: wbe}\n", []string{":4", "port/red/vm9", "spec.network", "wbe"}},
		{"another tenant's network", "kind: Port\nproject: red\nname: vm9\nspec: {network: blue/web}\n", []string{"port/red/vm9", "spec.network", "blue/web"}},
		{"unknown subnet", port("fixedIps: [{subnet: web-v5, ip: 10.0.0.9}]"), []string{"spec.fixedIps[0].subnet", "web-v5"}},
		{"address outside the subnet", port("fixedIps: [{subnet: web-v4, ip: 10.0.1.9}]"), []string{"spec.fixedIps[0].ip", "10.0.1.9", "10.0.0.0/24"}},
		{"CIDR overlap", "kind: Subnet\nproject: red\nname: more\nspec: {network: web, cidr: 10.0.0.128/25}\n", []string{"subnet/red/more", "spec.cidr", "10.0.0.128/25", "10.0.0.0/24", "web-v4"}},
		{"CIDR overlap in one request", "kind: Subnet\nproject: red\nname: a\nspec: {network: web, cidr: 10.1.0.0/16}\n---\nkind: Subnet\nproject: red\nname: b\nspec: {network: web, cidr: 10.1.2.0/24}\n", []string{"spec.cidr", "10.1.2.0/24", "10.1.0.0/16"}},
		{"host bits", "kind: Subnet\nproject: red\nname: more\nspec: {network: web, cidr: 10.1.0.1/24}\n", []string{"spec.cidr", "10.1.0.1/24"}},
		{"duplicate IP", port("fixedIps: [{subnet: web-v4, ip: 10.0.0.11}]"), []string{"port/red/vm9", "spec.fixedIps[0].ip", "10.0.0.11", "vm1"}},
		{"duplicate MAC", port(`macAddress: "fa:16:3e:00:00:11"`), []string{"port/red/vm9", "spec.macAddress", "fa:16:3e:00:00:11", "vm1"}},
		{"multicast MAC", port(`macAddress: "01:00:5e:00:00:01"`), []string{"spec.macAddress", "01:00:5e:00:00:01"}},
		{"pool exhausted", "kind: Network\nproject: tiny\nname: net\n---\nkind: Subnet\nproject: tiny\nname: v4\nspec: {network: net, cidr: 10.2.0.0/30, gatewayIp: none}\n---\n" +
			"kind: Port\nproject: tiny\nname: a\nspec: {network: net}\n---\nkind: Port\nproject: tiny\nname: b\nspec: {network: net}\n---\nkind: Port\nproject: tiny\nname: c\nspec: {network: net}\n",
			[]string{"port/tiny/", "spec.fixedIps", "no IPv4 address is free"}},
		{"segment exhausted", "kind: SegmentRange\nname: small\nspec: {networkType: geneve, minimum: 7, maximum: 7}\n---\nkind: Network\nproject: tiny\nname: a\nspec: {type: geneve}\n---\nkind: Network\nproject: tiny\nname: b\nspec: {type: geneve}\n",
			[]string{"network/tiny/", "geneve"}},
		{"segment taken", "kind: Network\nproject: red\nname: a\nspec: {segmentationId: 77}\n---\nkind: Network\nproject: red\nname: b\nspec: {segmentationId: 77}\n", []string{"spec.segmentationId", "77"}},
		{"unknown type", "kind: Network\nproject: red\nname: a\nspec: {type: token-ring}\n", []string{"spec.type", "token-ring", "vxlan"}},
		{"type changed", "kind: Network\nproject: red\nname: web\nspec: {type: gre}\n", []string{"network/red/web", "spec.type", "cannot be changed"}},
		{"bad name", "kind: Network\nproject: red\nname: \"no spaces\"\nspec: {}\n", []string{"name", "no spaces"}},
		{"twice in one request", "kind: Network\nproject: red\nname: a\n---\nkind: Network\nproject: red\nname: a\n", []string{"network/red/a"}},
		{"one of many", e2e.Tenant{Project: "green", VMs: 5}.YAML() + "---\n" + port("fixedIps: [{subnet: web-v4, ip: 10.0.1.9}]"), []string{"port/red/vm9", "1 error in 9 resources"}},
	}
}

func deleteInUse(c *e2e.Cloud) {
	for key, referrers := range map[string][]string{
		"network/red/web": {"port/red/vm1", "subnet/red/web-v4"}, "subnet/red/web-v4": {"port/red/vm1"}, "project/red": {"network/red/web"},
	} {
		_, stderr, status := c.TryWeft("", "delete", key)
		if status != 1 || !strings.Contains(stderr, key) || !strings.Contains(stderr, "cascade") {
			c.T.Errorf("delete %s: exit status %d: %s", key, status, stderr)
		}
		for _, r := range referrers {
			if !strings.Contains(stderr, r) {
				c.T.Errorf("delete %s does not name %s: %s", key, r, stderr)
			}
		}
	}
}

func revisionConflict(c *e2e.Cloud, p pair) {
	ref := e2e.Ref("port/red/vm1")
	old := c.Get("port/red/vm1").GetRevision()
	c.Apply(p.red.Port(1, "deviceId: first"))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	changed := &weftv1.Resource{Kind: "Port", Project: "red", Name: "vm1", Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: "web", DeviceId: "second"}}}
	for name, expected := range map[string]int64{"an old revision": old, "must not exist": 0, "a future revision": old + 1_000_000} {
		_, err := c.Client.Apply(ctx, []*weftv1.Resource{changed}, &weftv1.Precondition{Ref: ref, Revision: expected})
		if v := client.Violations(err); !errors.Is(err, client.ErrPrecondition) || len(v) != 1 || v[0].Resource != "port/red/vm1" {
			c.T.Errorf("%s: %v, violations %v", name, err, v)
		}
		if _, err := c.Client.Delete(ctx, []*weftv1.ResourceRef{ref}, client.DeleteOptions{Preconditions: []*weftv1.Precondition{{Ref: ref, Revision: expected}}}); !errors.Is(err, client.ErrPrecondition) {
			c.T.Errorf("%s: delete: %v", name, err)
		}
	}
	if id := c.Get("port/red/vm1").GetPortSpec().GetDeviceId(); id != "first" {
		c.T.Errorf("device id is %q", id)
	}
	now := c.Get("port/red/vm1").GetRevision()
	changed.GetPortSpec().MacAddress, changed.GetPortSpec().FixedIps = "fa:16:3e:00:00:11", []*weftv1.FixedIP{{Subnet: "web-v4", Ip: v4me}, {Subnet: "web-v6", Ip: v6me}}
	if _, err := c.Client.Apply(ctx, []*weftv1.Resource{changed}, &weftv1.Precondition{Ref: ref, Revision: now}); err != nil {
		c.T.Errorf("the right revision: %v", err)
	}
	c.Apply(p.red.Port(1, ""))
}

// many are networks that would be all right, but for how many they are.
func many(n int, description string) []*weftv1.Resource {
	all := make([]*weftv1.Resource, n)
	for i := range all {
		all[i] = &weftv1.Resource{Kind: "Network", Project: "many", Name: fmt.Sprintf("n%d", i), Description: description}
	}
	return all
}

func tooMany(c *e2e.Cloud) {
	revision := c.Revision()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := c.Client.Apply(ctx, many(10_001, ""))
	if !errors.Is(err, client.ErrInvalid) && !errors.Is(err, client.ErrExhausted) || !strings.Contains(fmt.Sprint(err), "10001") && !strings.Contains(fmt.Sprint(err), "10,001") {
		c.T.Errorf("10,001 resources: %v", err)
	}
	if now := c.Revision(); now != revision {
		c.T.Errorf("revision %d became %d", revision, now)
	}
}

func tooLarge(c *e2e.Cloud) {
	revision := c.Revision()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := c.Client.Apply(ctx, many(1, strings.Repeat("x", 5<<20)))
	if err == nil || !errors.Is(err, client.ErrExhausted) && !errors.Is(err, client.ErrInvalid) || len(err.Error()) > 1000 {
		c.T.Errorf("a message of 5 MB: %.1000v", err)
	}
	if now := c.Revision(); now != revision {
		c.T.Errorf("revision %d became %d", revision, now)
	}
}

func unknownNames(c *e2e.Cloud) {
	for args, want := range map[string]string{
		"get port/red/vm77": "port/red/vm77", "get network/nobody/web": "network/nobody/web", "delete port/red/vm77": "port/red/vm77", "describe host/h77": "host/h77",
	} {
		_, stderr, status := c.TryWeft("", strings.Fields(args)...)
		if status != 1 || !strings.Contains(stderr, want) {
			c.T.Errorf("weft %s: exit status %d: %s", args, status, stderr)
		}
	}
}
