package intent

import (
	"context"
	"testing"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func network(project, name string, spec *weftv1.NetworkSpec) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Network", Project: project, Name: name, Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: spec}}
}

func subnet(project, name string, spec *weftv1.SubnetSpec) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Subnet", Project: project, Name: name, Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: spec}}
}

func port(project, name string, spec *weftv1.PortSpec) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Port", Project: project, Name: name, Spec: &weftv1.Resource_PortSpec{PortSpec: spec}}
}

func TestSmoke(t *testing.T) {
	c, err := NewCatalog(CatalogConfig{Store: store.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	rev, results, err := c.Apply(context.Background(), []*weftv1.Resource{
		port("red", "vm1", &weftv1.PortSpec{Network: "web"}),
		subnet("red", "web-v4", &weftv1.SubnetSpec{Network: "web", Cidr: "10.0.0.0/24"}),
		network("red", "web", &weftv1.NetworkSpec{}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		t.Log(rev, r)
	}
	_, results, err = c.Apply(context.Background(), []*weftv1.Resource{
		port("red", "vm1", &weftv1.PortSpec{Network: "web"}),
		port("red", "vm2", &weftv1.PortSpec{Network: "wbe", FixedIps: []*weftv1.FixedIP{{Subnet: "web-v4", Ip: "10.0.1.9"}}}),
		port("red", "vm3", &weftv1.PortSpec{Network: "web", FixedIps: []*weftv1.FixedIP{{Subnet: "web-v4", Ip: "10.0.1.9"}}}),
	}, nil)
	t.Log(results, err)
	_, deleted, err := c.Delete(context.Background(), []Key{{KindNetwork, "red", "web"}}, false, nil)
	t.Log(deleted, err)
	_, deleted, err = c.Delete(context.Background(), []Key{{KindProject, "", "red"}}, true, nil)
	t.Log(deleted, err, c.Revision())
	if err := c.RegisterHost(context.Background(), "h1"); err != nil {
		t.Fatal(err)
	}
}
