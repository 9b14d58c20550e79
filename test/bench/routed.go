package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

// routedYAML joins two networks, and gives the first endpoint an address outside.
const routedYAML = `kind: Network
project: routed
name: web
spec: {type: vxlan}
---
kind: Network
project: routed
name: db
spec: {type: vxlan}
---
kind: Network
project: routed
name: ext
spec: {type: flat, physicalNetwork: physnet1, external: true, mtu: 1500}
---
kind: Subnet
project: routed
name: web
spec: {network: web, cidr: 10.0.0.0/24}
---
kind: Subnet
project: routed
name: db
spec: {network: db, cidr: 10.0.1.0/24}
---
kind: Subnet
project: routed
name: ext
spec: {network: ext, cidr: 198.51.100.0/24, enableDhcp: false}
---
kind: Port
project: routed
name: vm1
spec: {network: web, fixedIps: [{ip: 10.0.0.11}], macAddress: "fa:16:3e:00:00:11"}
---
kind: Port
project: routed
name: vm2
spec: {network: db, fixedIps: [{ip: 10.0.1.12}], macAddress: "fa:16:3e:00:00:12"}
---
kind: Port
project: routed
name: vm3
spec: {network: db, fixedIps: [{ip: 10.0.1.13}], macAddress: "fa:16:3e:00:00:13"}
---
kind: Router
project: routed
name: r1
spec: {interfaces: [{subnet: web}, {subnet: db}], externalGateway: {network: ext, host: h1, fixedIps: [{ip: 198.51.100.2}]}}
---
kind: FloatingIP
project: routed
name: f1
spec: {network: ext, ip: 198.51.100.3, port: vm1}
`

// translated and turned are how often a packet may go through a datapath: a routed one as often as a bridged one, once more when it is
// translated, twice more when it turns and goes back inside.
const translated, turned = 2, 3

// routedLab is a router's endpoints, and a station outside.
type routedLab struct {
	*carryLab
	vms      [3]*netlab.Endpoint // in order; the third one is on the other host
	station  *netlab.Endpoint
	router   net.HardwareAddr
	floating netip.Addr
	answers  net.HardwareAddr // for the floating IP
}

// routedSuite sends packets by way of a router, in turn with plain Open vSwitch that needs none.
func routedSuite(ctx context.Context, b *bench) (err error) {
	l := &routedLab{floating: netip.MustParseAddr("198.51.100.3")}
	if l.carryLab, err = b.newCarryLab(ctx); err != nil {
		return err
	}
	defer closing(l.close, &err)
	if err := l.join(ctx); err != nil {
		return err
	}
	for _, k := range l.kinds() {
		if one := (suite{name: "routing.data." + k.name}); !one.selected(b.only) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.routedKind(ctx, l, k); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// routedKind is a way of a routed packet, and what plain Open vSwitch does instead.
type routedKind struct {
	name, plain string
	ours        pair
	peer        func(l *carryLab, k carryKind) (pair, error) // nil: nothing is compared, passes are counted
	may         []float64                                    // passes on each host
	bridged     bool                                         // it must be as good as plain
}

func (l *routedLab) kinds() []routedKind {
	h1 := []*netlab.Host{l.hosts[0]}
	routed := func(to *netlab.Endpoint) pair {
		p := between(l.vms[0], to)
		p.via = l.router
		return p
	}
	return []routedKind{
		{name: "local", plain: "two ports of a bridge", ours: routed(l.vms[1]), peer: plainBridge, may: []float64{1}, bridged: true},
		{name: "across", plain: "a vxlan port", ours: routed(l.vms[2]), peer: plainTunnel("vxlan"), may: []float64{1, 2}, bridged: true},
		{name: "snat", plain: "a patch port", ours: pair{l.vms[1], l.station, l.station.IPv4(), l.router, h1}, peer: plainOutside, may: []float64{translated}},
		{name: "float", plain: "a patch port", ours: pair{l.station, l.vms[0], l.floating, l.answers, h1}, peer: plainInside, may: []float64{translated}},
		{name: "hairpin", ours: pair{l.vms[0], l.vms[0], l.floating, l.router, h1}, may: []float64{turned}},
	}
}

// routedKind measures one way.
func (b *bench) routedKind(ctx context.Context, l *routedLab, k routedKind) error {
	name := "routing.data." + k.name
	if err := k.ours.reaches(); err != nil {
		return err
	}
	if k.peer != nil {
		peer, err := k.peer(l.carryLab, carryKind{typ: k.name, key: 77})
		if err == nil {
			err = peer.reaches()
		}
		if err != nil {
			return err
		}
		var more, less []func(*Result)
		if k.bridged {
			more, less = asPlain()
		}
		figures := append([]figure{{name: "rtt_us", unit: "µs", target: less, measure: pair.roundTrip}}, carriedFigures(more, less)...)
		figures = append(figures, figure{"conn_per_s", "connections/s", more, "conn_cpu_us", "µs per connection", nil,
			func(p pair, ctx context.Context) (carried, error) { return new(connector).rate(ctx, p) }})
		if err := b.compare(ctx, name, "plain Open vSwitch, "+k.plain, k.ours, peer, figures); err != nil {
			return err
		}
		// The plain ends of the next way have the same addresses, and may be on the same wire.
		if err := errors.Join(peer.from.Unplug(), peer.to.Unplug()); err != nil {
			return err
		}
	}
	return b.countPasses(name, k.ours, k.may...)
}

// roundTrip is the median of many echoes.
func (p pair) roundTrip(context.Context) (carried, error) {
	r, err := p.from.Ping(p.addr.String(), netlab.PingOptions{Count: 200, Interval: 2 * time.Millisecond})
	if err == nil && r.Received == 0 {
		err = errors.New("no answer")
	}
	return carried{rate: micro(r.Median)}, err
}

// join makes the router, its endpoints, and the station outside.
func (l *routedLab) join(ctx context.Context) error {
	docs, err := manifest.Decode("routed.yaml", strings.NewReader(routedYAML), manifest.Options{})
	if err != nil {
		return err
	}
	var resources []*weftv1.Resource
	for _, d := range docs {
		resources = append(resources, d.Resource)
	}
	if _, err := l.Apply(ctx, resources); err != nil {
		return err
	}
	for i, at := range []struct{ host, network int }{{0, 0}, {0, 1}, {1, 1}} {
		n := i + 1
		l.vms[i], err = l.hosts[at.host].AddEndpoint(fmt.Sprintf("routed-vm%d", n), netlab.EndpointOptions{
			IfaceID: fmt.Sprintf("routed/vm%d", n), MAC: fmt.Sprintf("fa:16:3e:00:00:1%d", n),
			Addresses: []string{fmt.Sprintf("10.0.%d.1%d/24", at.network, n)}, Gateways: []string{fmt.Sprintf("10.0.%d.1", at.network)},
		})
		if err != nil {
			return err
		}
	}
	if l.station, err = l.physicals[ourPhysical].Machine("station", netlab.EndpointOptions{Addresses: []string{"198.51.100.1/24"}}); err != nil {
		return err
	}
	return netlab.Eventually(weftdWithin, "the floating IP is on h1", func() error { return l.placed(ctx) })
}

// placed reads what answers for the router and the floating IP.
func (l *routedLab) placed(ctx context.Context) error {
	r, err := l.Get(ctx, &weftv1.ResourceRef{Kind: "Router", Project: "routed", Name: "r1"})
	if err != nil {
		return err
	}
	f, err := l.Get(ctx, &weftv1.ResourceRef{Kind: "FloatingIP", Project: "routed", Name: "f1"})
	if err != nil {
		return err
	}
	if l.router, err = net.ParseMAC(r.GetStatus().GetRouter().GetMacAddress()); err != nil {
		return err
	}
	if l.answers, err = net.ParseMAC(f.GetStatus().GetFloatingIp().GetMacAddress()); err != nil {
		return err
	}
	if got := f.GetStatus().GetFloatingIp().GetHost(); got != l.hosts[0].Name() {
		return fmt.Errorf("it is on %q", got)
	}
	return nil
}

// plainOutside is an endpoint on a bridge with a patch port to a provider bridge, and a station on the wire; plainInside is the same
// the other way.
func plainOutside(l *carryLab, k carryKind) (pair, error) {
	e, err := l.wiredEnd(k, 1, l.hosts[0])
	if err != nil {
		return pair{}, err
	}
	station, err := l.physicals[plainPhysical].Machine(k.typ+"-p2", netlab.EndpointOptions{Addresses: []string{"10.0.0.12/24"}})
	if err != nil {
		return pair{}, err
	}
	p := between(e, station)
	p.on = slices.Clone(l.hosts[:1])
	return p, nil
}

func plainInside(l *carryLab, k carryKind) (pair, error) {
	out, err := plainOutside(l, k)
	if err != nil {
		return pair{}, err
	}
	in := between(out.to, out.from)
	in.on = out.on
	return in, nil
}
