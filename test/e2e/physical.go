package e2e

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/test/netlab"
)

// Physical is a physical network: a switch that is nobody's but the network's, and on each of some hosts a provider bridge
// with a wire to it, which the host's weft-bridge-mappings name.
type Physical struct {
	Name   string
	Switch *netlab.Host
	c      *Cloud
	hosts  map[string]bool
}

// Physical makes a physical network and joins hosts to it.
func (c *Cloud) Physical(name string, hosts ...string) *Physical {
	c.T.Helper()
	p := &Physical{Name: name, Switch: netlab.Must(c.Lab.AddSwitch("s-" + name))(c.T), c: c, hosts: map[string]bool{}}
	c.physicals = append(c.physicals, p)
	for _, h := range hosts {
		p.Join(h)
	}
	return p
}

// Physicals are the physical networks in the order in which they were made.
func (c *Cloud) Physicals() []*Physical { return slices.Clone(c.physicals) }

// Bridge is the name of the provider bridge on every host.
func (p *Physical) Bridge() string { return "br-" + p.Name }

// Link is the name of a host's end of its wire, where what leaves and arrives is captured.
func (p *Physical) Link() string { return "w-" + p.Name }

// SwitchLink is the name of the switch's end of a host's wire.
func (p *Physical) SwitchLink(host string) string { return "w-" + host }

// Join gives a host a provider bridge with a wire to the switch, and a mapping.
func (p *Physical) Join(host string) {
	p.c.T.Helper()
	h := p.c.Host(host)
	_, err := h.Vsctl("--may-exist", "add-br", p.Bridge(), "--", "set", "Bridge", p.Bridge(), "datapath_type=netdev", "fail_mode=standalone")
	p.c.Do(err, p.c.Lab.Wire(netlab.Jack{Host: p.Switch, Port: p.SwitchLink(host)}, netlab.Jack{Host: h, Bridge: p.Bridge(), Port: p.Link()}))
	p.Map(host)
}

// Map names the provider bridge in a host's mappings.
func (p *Physical) Map(host string) {
	p.c.T.Helper()
	p.hosts[host] = true
	p.c.tellMappings(host)
}

// Unmap takes the provider bridge out of a host's mappings; bridge and wire stay.
func (p *Physical) Unmap(host string) {
	p.c.T.Helper()
	delete(p.hosts, host)
	p.c.tellMappings(host)
}

// tellMappings writes a host's mappings to where the controller reads them.
func (c *Cloud) tellMappings(host string) {
	c.T.Helper()
	var words []string
	for _, p := range c.physicals {
		if p.hosts[host] {
			words = append(words, p.Name+":"+p.Bridge())
		}
	}
	command := []string{"--no-wait", "remove", "Open_vSwitch", ".", "external_ids", "weft-bridge-mappings"}
	if len(words) > 0 {
		command = []string{"--no-wait", "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:weft-bridge-mappings=%q", strings.Join(words, ","))}
	}
	_, err := c.Host(host).Vsctl(command...)
	c.Do(err)
}

// Machine plugs something that is no port of ours into the physical network's switch: a gateway, bare metal. Settings are
// those of the switch's port, such as tag=5 for an access port.
func (p *Physical) Machine(name string, o netlab.EndpointOptions, settings ...string) *netlab.Endpoint {
	p.c.T.Helper()
	o.Bridge = netlab.SwitchBridge
	e := netlab.Must(p.Switch.AddEndpoint(name, o))(p.c.T)
	if len(settings) > 0 {
		_, err := p.Switch.Vsctl(append([]string{"set", "Port", e.Port()}, settings...)...)
		p.c.Do(err)
	}
	return e
}
