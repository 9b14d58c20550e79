package intent

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// maxGatewayIPs is how many addresses a router may have outside.
const maxGatewayIPs = 16

// wantedGateway is a router's gateway as it is asked for.
type wantedGateway struct {
	network Key
	ips     []wantedIP
}

// wantedFloat is what a floating IP is asked to stand for.
type wantedFloat struct {
	ip, fixed    netip.Addr // zero: to be chosen
	port, router Key        // zero: none, or to be found
}

// wantedForward is what a port forwarding is asked to do.
type wantedForward struct {
	float, router, port Key
	protocol            uint8
	external, internal  PortRange
	ip                  netip.Addr // zero: to be found
}

// parseExternal refuses networks that cannot lead outside.
func (t *txn) parseExternal(d *draft, spec *weftv1.NetworkSpec) {
	if !spec.GetExternal() {
		return
	}
	if n := len(spec.GetSegments()); n > 1 {
		t.refuse(d, "spec.external", ReasonInvalid, "the network has %d segments; one that leads outside has one, flat or vlan", n)
		return
	}
	typ := spec.GetType()
	if len(spec.GetSegments()) == 1 {
		typ = spec.GetSegments()[0].GetType()
	}
	if typ == "" {
		typ = types()[0]
	}
	if typ != "flat" && typ != "vlan" {
		t.refuse(d, "spec.external", ReasonInvalid, "a network of type %s does not lead outside; only flat and vlan do", typ)
	}
}

func (t *txn) parseExternalGateway(d *draft, given *weftv1.ExternalGateway) {
	if given == nil {
		return
	}
	const field = "spec.externalGateway"
	d.gateway = &wantedGateway{network: t.parseRef(d, field+".network", KindNetwork, given.GetNetwork())}
	if n := len(given.GetFixedIps()); n > maxGatewayIPs {
		t.refuse(d, field+".fixedIps", ReasonInvalid, "are %d; at most %d", n, maxGatewayIPs)
		return
	}
	d.gateway.ips = t.parseWantedIPs(d, field+".fixedIps", given.GetFixedIps())
	t.parseEnding(d, field, given)
	if s := given.GetHost(); s != "" {
		if problem := nameProblem(s); problem != "" {
			t.refuse(d, field+".host", ReasonInvalid, "%s", problem)
		}
	}
}

func (t *txn) parseFloat(d *draft, spec *weftv1.FloatingIPSpec) {
	t.parseReference(d, "spec.network", spec.GetNetwork())
	t.parseEnding(d, "spec", spec)
	d.float.ip = t.parseOptionalIP(d, "spec.ip", spec.GetIp())
	d.float.fixed = t.parseOptionalIP(d, "spec.fixedIp", spec.GetFixedIp())
	if spec.GetPort() != "" {
		d.float.port = t.parseRef(d, "spec.port", KindPort, spec.GetPort())
	} else if spec.GetFixedIp() != "" {
		t.refuse(d, "spec.fixedIp", ReasonInvalid, "is given without the port that has it")
	}
	if spec.GetRouter() != "" {
		d.float.router = t.parseRef(d, "spec.router", KindRouter, spec.GetRouter())
	}
	if d.float.ip.IsValid() && d.float.fixed.IsValid() && d.float.ip.Is4() != d.float.fixed.Is4() {
		t.refuse(d, "spec.fixedIp", ReasonInvalid, "%s is of another family than %s", d.float.fixed, d.float.ip)
	}
}

// endings are the ways to end connections, as specs call them.
var endings = map[string]OnChange{"": Cut, "cut": Cut, "drain": Drain, "keep": Keep}

const (
	defaultDrain = 300
	maxDrain     = 24 * 60 * 60
)

// ender is a spec that says what becomes of connections.
type ender interface {
	GetOnChange() string
	GetDrainSeconds() uint32
}

// endingOf reads what a stored spec says becomes of connections.
func endingOf(spec ender) Ending {
	e := Ending{Change: endings[spec.GetOnChange()]}
	if e.Change == Drain {
		if e.Within = spec.GetDrainSeconds(); e.Within == 0 {
			e.Within = defaultDrain
		}
	}
	return e
}

// parseEnding refuses what is no way to end connections; field is that of the spec.
func (t *txn) parseEnding(d *draft, field string, spec ender) {
	way, ok := endings[spec.GetOnChange()]
	switch n := spec.GetDrainSeconds(); {
	case !ok:
		t.refuse(d, field+".onChange", ReasonInvalid, "%q is none of cut, drain, keep%s", spec.GetOnChange(), didYouMean(spec.GetOnChange(), []string{"cut", "drain", "keep"}))
	case n != 0 && way != Drain:
		t.refuse(d, field+".drainSeconds", ReasonInvalid, "is for onChange: drain")
	case n > maxDrain:
		t.refuse(d, field+".drainSeconds", ReasonInvalid, "%s is too long: at most %s", reported(n), reported(maxDrain))
	}
}

// parseOptionalIP reads an address that may be left out.
func (t *txn) parseOptionalIP(d *draft, field, given string) netip.Addr {
	if given == "" {
		return netip.Addr{}
	}
	ip, err := parseIP(given)
	if err != nil {
		t.refuse(d, field, ReasonInvalid, "%v", err)
	}
	return ip
}

// forwarded are the protocols that have ports to forward.
var forwarded = map[string]uint8{"tcp": 6, "udp": 17, "sctp": 132}

func (t *txn) parseForward(d *draft, spec *weftv1.PortForwardingSpec) {
	f := &d.forward
	t.parseEnding(d, "spec", spec)
	switch {
	case spec.GetFloatingIp() != "" && spec.GetRouter() != "":
		t.refuse(d, "spec.router", ReasonInvalid, "must be left out: the floating IP tells the address")
	case spec.GetRouter() != "":
		f.router = t.parseRef(d, "spec.router", KindRouter, spec.GetRouter())
	case spec.GetFloatingIp() != "":
		f.float = t.parseRef(d, "spec.floatingIp", KindFloatingIP, spec.GetFloatingIp())
	default:
		t.refuse(d, "spec.floatingIp", ReasonInvalid, "is missing, and so is router: one of them tells the external address")
	}
	f.port = t.parseRef(d, "spec.port", KindPort, spec.GetPort())
	var ok bool
	if f.protocol, ok = forwarded[spec.GetProtocol()]; !ok {
		t.refuse(d, "spec.protocol", ReasonInvalid, "%q is none of tcp, udp, sctp%s", spec.GetProtocol(), didYouMean(spec.GetProtocol(), []string{"tcp", "udp", "sctp"}))
	}
	f.ip = t.parseOptionalIP(d, "spec.internalIp", spec.GetInternalIp())
	var err error
	if f.external, err = parsePorts(spec.GetExternalPorts()); err != nil {
		t.refuse(d, "spec.externalPorts", ReasonInvalid, "%v", err)
		return
	}
	f.internal = f.external
	if spec.GetInternalPorts() == "" {
		return
	}
	if f.internal, err = parsePorts(spec.GetInternalPorts()); err != nil {
		t.refuse(d, "spec.internalPorts", ReasonInvalid, "%v", err)
		return
	}
	out, in := int(f.external.Last-f.external.First)+1, int(f.internal.Last-f.internal.First)+1
	switch {
	case in != out:
		t.refuse(d, "spec.internalPorts", ReasonInvalid, "%s are %s, and externalPorts %s are %d", f.internal, plural(in, "port"), f.external, out)
	case f.internal != f.external && in > maxShifted:
		t.refuse(d, "spec.internalPorts", ReasonInvalid, "are %s that differ from the external ones; at most %s", reported(in), reported(maxShifted))
	}
}

// maxShifted is how many ports a forwarding may change: a switch needs a flow for each.
const maxShifted = 1024

// parsePorts reads "80" or "8000-8099".
func parsePorts(s string) (PortRange, error) {
	if s == "" {
		return PortRange{}, fmt.Errorf("are missing")
	}
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	var p PortRange
	for _, end := range []struct {
		text string
		to   *uint16
	}{{first, &p.First}, {last, &p.Last}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil || n == 0 {
			return p, fmt.Errorf("%q is neither a port (1 to 65535) nor a range such as 8000-8099", s)
		}
		*end.to = uint16(n)
	}
	if p.Last < p.First {
		return p, fmt.Errorf("%s ends before it starts", s)
	}
	return p, nil
}
