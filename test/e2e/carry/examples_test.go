package carry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Every manifest of examples/carry is applied as its reader would, and the ports of each of its networks reach each other.
func TestExamples(t *testing.T) {
	t.Parallel()
	files := netlab.Must(filepath.Glob(filepath.Join(netlab.Must(e2e.Root())(t), "examples", "carry", "*.yaml")))(t)
	if len(files) == 0 {
		t.Fatal("there are no examples")
	}
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: func(c *e2e.Cloud) {
		peer := netlab.Must(c.Lab.AddPeer("vtep"))(t) // the first one is 10.99.0.254
		c.Do(peer.AddVXLAN(7001, c.Host("h1").TunnelIP(), c.Host("h2").TunnelIP()))
		for _, name := range physicals {
			c.Physical(name, "h1", "h2")
		}
	}})
	for _, file := range files {
		c.Run(filepath.Base(file), func(c *e2e.Cloud) { example(c, file) })
	}
}

func example(c *e2e.Cloud, file string) {
	c.Weft("apply", "--wait", "-f", file)
	text := netlab.Must(os.ReadFile(file))(c.T)
	docs := netlab.Must(manifest.Decode(file, strings.NewReader(string(text)), manifest.Options{}))(c.T)
	members := map[string][]*netlab.Endpoint{}
	var names, keys []string
	for _, d := range docs {
		keys = append(keys, strings.ToLower(d.Resource.GetKind())+"/"+nameOf(d.Resource))
		spec := d.Resource.GetPortSpec()
		if spec == nil {
			continue
		}
		host, o := []string{"h1", "h2"}[len(names)%2], netlab.EndpointOptions{}
		if spec.GetHost() != "" {
			host, o.Bridge = spec.GetHost(), netlab.SwitchBridge
		}
		names = append(names, nameOf(d.Resource))
		members[spec.GetNetwork()] = append(members[spec.GetNetwork()], c.VMWith(host, nameOf(d.Resource), o))
	}
	c.Active(names...)
	for _, vms := range members {
		c.Talk(vms)
		for _, e := range vms {
			c.Leave(e)
			c.Do(e.Remove())
		}
	}
	c.Delete(client.DeleteOptions{Cascade: true}, keys...)
}

// nameOf is "project/name", or the name of what belongs to no project.
func nameOf(r *weftv1.Resource) string {
	if r.GetProject() == "" {
		return r.GetName()
	}
	return r.GetProject() + "/" + r.GetName()
}
