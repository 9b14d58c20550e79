package netlab

import (
	"errors"
	"strings"
)

// mappingsKey is where the controller reads which of a host's bridges lead to which physical networks.
const mappingsKey = "weft-bridge-mappings"

// Physical is a physical network: a switch that is nobody's but the network's, and on each of some hosts a provider bridge
// with a wire to it, which the host's weft-bridge-mappings name. Its methods may not be called at the same time.
type Physical struct {
	Name   string
	Switch *Host
	lab    *Lab
	mapped map[*Host]bool
}

// AddPhysical makes a physical network and joins hosts to it.
func (l *Lab) AddPhysical(name string, hosts ...*Host) (*Physical, error) {
	s, err := l.AddSwitch("s-" + name)
	if err != nil {
		return nil, err
	}
	p := &Physical{Name: name, Switch: s, lab: l, mapped: map[*Host]bool{}}
	l.mu.Lock()
	l.physicals = append(l.physicals, p)
	l.mu.Unlock()
	for _, h := range hosts {
		if err := p.Join(h); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Bridge is the name of the provider bridge on every host.
func (p *Physical) Bridge() string { return "br-" + p.Name }

// Link is the name of a host's end of its wire, where what leaves and arrives is captured.
func (p *Physical) Link() string { return "w-" + p.Name }

// SwitchLink is the name of the switch's end of a host's wire.
func (p *Physical) SwitchLink(h *Host) string { return "w-" + h.name }

// Join gives a host a provider bridge with a wire to the switch, and a mapping.
func (p *Physical) Join(h *Host) error {
	_, err := h.Vsctl("--may-exist", "add-br", p.Bridge(), "--", "set", "Bridge", p.Bridge(), "datapath_type=netdev", "fail_mode=standalone")
	if err != nil {
		return err
	}
	err = p.lab.Wire(Jack{Host: p.Switch, Port: p.SwitchLink(h)}, Jack{Host: h, Bridge: p.Bridge(), Port: p.Link()})
	return errors.Join(err, p.Map(h))
}

// Map names the provider bridge in a host's mappings.
func (p *Physical) Map(h *Host) error {
	p.mapped[h] = true
	return p.lab.tellMappings(h)
}

// Unmap takes the provider bridge out of a host's mappings; bridge and wire stay.
func (p *Physical) Unmap(h *Host) error {
	delete(p.mapped, h)
	return p.lab.tellMappings(h)
}

// tellMappings writes a host's mappings to where the controller reads them.
func (l *Lab) tellMappings(h *Host) error {
	var words []string
	l.mu.Lock()
	for _, p := range l.physicals {
		if p.mapped[h] {
			words = append(words, p.Name+":"+p.Bridge())
		}
	}
	l.mu.Unlock()
	command := []string{"--no-wait", "remove", "Open_vSwitch", ".", "external_ids", mappingsKey}
	if len(words) > 0 {
		command = []string{"--no-wait", "set", "Open_vSwitch", ".", "external_ids:" + mappingsKey + "=" + quote(strings.Join(words, ","))}
	}
	_, err := h.Vsctl(command...)
	return err
}

// Machine plugs something that is no port of the controller's into the physical network's switch: a gateway, bare metal.
// Settings are those of the switch's port, such as tag=5 for an access port.
func (p *Physical) Machine(name string, o EndpointOptions, settings ...string) (*Endpoint, error) {
	o.Bridge = SwitchBridge
	e, err := p.Switch.AddEndpoint(name, o)
	if err == nil && len(settings) > 0 {
		_, err = p.Switch.Vsctl(append([]string{"set", "Port", e.Port()}, settings...)...)
	}
	return e, err
}
