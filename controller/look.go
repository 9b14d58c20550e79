package controller

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/reconcile"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/northbound/api"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// What people who look at switches are shown.

// portNames are what the ports of a host's switch are called: as resources of the API where they are plugged, else as the switch calls
// them.
type portNames struct {
	names   map[uint32]string
	numbers map[string]uint32
}

func (p *portNames) name(n uint32) string { return p.names[n] }

func (p *portNames) number(name string) (uint32, bool) {
	n, ok := p.numbers[name]
	return n, ok
}

// portsOf asks a host's switch for its ports.
func (c *core) portsOf(ctx context.Context, host string) (*portNames, error) {
	ports, err := c.board.Ports(ctx, host)
	if errors.Is(err, reconcile.ErrNotConnected) {
		return nil, notConnected(host)
	}
	if err != nil {
		return nil, err
	}
	p := &portNames{map[uint32]string{}, map[string]uint32{}}
	for _, port := range ports {
		if port.Number < flow.PortMax {
			p.names[port.Number], p.numbers[port.Name] = port.Name, port.Number
		}
	}
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	for b := range c.world.tables.BoundTo.List(&table.Reader{}, host) {
		name := b.Port.Project + "/" + b.Port.Name
		p.names[b.OFPort], p.numbers[name] = name, b.OFPort
	}
	return p, nil
}

// portName names a port that is plugged; empty: it is none.
func (w *world) portName(host string, number uint32) string {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for b := range w.tables.BoundAt.List(&table.Reader{}, intent.Place{Host: host, OFPort: number}) {
		return b.Port.Project + "/" + b.Port.Name
	}
	for p := range w.tables.PortsOf.List(&table.Reader{}, host) {
		if p.OFPort == number {
			return p.End.Port
		}
	}
	return ""
}

// DumpFlows hands on what a host's switch has.
func (c *core) DumpFlows(ctx context.Context, req *weftv1.DumpFlowsRequest, f func(*weftv1.DumpFlowsResponse) error) error {
	number, err := tableNumber(req.GetTable())
	if err != nil {
		return err
	}
	ports, err := c.portsOf(ctx, req.GetHost())
	if err != nil {
		return err
	}
	err = c.board.Flows(ctx, req.GetHost(), number, func(s *openflow.FlowStats) error {
		return f(&weftv1.DumpFlowsResponse{Item: &weftv1.DumpFlowsResponse_Flow{Flow: c.flowEntry(req.GetHost(), s, ports)}})
	})
	if err != nil || req.GetTable() != "" {
		return err
	}
	groups, meters, err := c.board.GroupsAndMeters(ctx, req.GetHost())
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := f(&weftv1.DumpFlowsResponse{Item: &weftv1.DumpFlowsResponse_Group{Group: g.Text(pipeline.Names(0, ports.name))}}); err != nil {
			return err
		}
	}
	for _, m := range meters {
		if err := f(&weftv1.DumpFlowsResponse{Item: &weftv1.DumpFlowsResponse_Meter{Meter: m.String()}}); err != nil {
			return err
		}
	}
	return nil
}

func notConnected(host string) error { return fmt.Errorf("host %q: %w", host, api.ErrNotConnected) }

// wrong refuses a field of a request.
func wrong(field, format string, args ...any) error {
	return &intent.InvalidError{Violations: []intent.Violation{{Field: field, Message: fmt.Sprintf(format, args...), Reason: intent.ReasonInvalid}}, Total: 1}
}

// tableNumber reads the name or number of a table; empty: all tables.
func tableNumber(text string) (uint8, error) {
	if text == "" {
		return openflow.AllTables, nil
	}
	if id, ok := pipeline.Words(nil).Table(text); ok {
		return id, nil
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || n == uint64(openflow.AllTables) {
		return 0, wrong("table", "%q is neither a table of the pipeline nor a number below 255", text)
	}
	return uint8(n), nil
}

func (c *core) flowEntry(host string, s *openflow.FlowStats, ports *portNames) *weftv1.FlowEntry {
	f := s.Flow()
	e := &weftv1.FlowEntry{
		Table: uint32(f.Table), Priority: uint32(f.Priority), Cookie: f.Cookie, Packets: s.Packets, Bytes: s.Bytes, Age: s.Seconds,
	}
	if name := pipeline.TableName(f.Table); name != strconv.Itoa(int(f.Table)) {
		e.TableName = name
	}
	e.Match, e.Actions = pipeline.NamedText(f, ports.name)
	if o, ok := c.world.engine.OwnerOf(host, f.Key); ok && flow.CookieIsOurs(f.Cookie) {
		e.Reason = o.String()
	}
	return e
}

// SendPacket has a host's switch send a packet.
func (c *core) SendPacket(ctx context.Context, req *weftv1.SendPacketRequest) error {
	ports, err := c.portsOf(ctx, req.GetHost())
	if err != nil {
		return err
	}
	out := punt.Out{InPort: flow.PortController, Data: req.GetFrame(), Actions: flow.Actions{flow.Output(flow.PortTable)}}
	if name := req.GetInPort(); name != "" {
		n, err := strconv.ParseUint(name, 10, 32)
		number, known := ports.number(name)
		switch {
		case known:
			out.InPort = number
		case err == nil && n < uint64(flow.PortMax):
			out.InPort = uint32(n)
		default:
			return wrong("in_port", "host %s has no port %q", req.GetHost(), name)
		}
	}
	if text := req.GetActions(); text != "" && text != "table" {
		if out.Actions, err = pipeline.Words(ports.number).ParseActions(text); err != nil {
			return wrong("actions", "%v", err)
		}
		if _, err := flow.AppendActions(nil, out.Actions); err != nil {
			return wrong("actions", "%v", err)
		}
	}
	if !c.board.Send(req.GetHost(), out) {
		return notConnected(req.GetHost())
	}
	c.world.tap.out(req.GetHost(), out)
	return nil
}

// WatchPackets hands on packets as they come and go.
func (c *core) WatchPackets(ctx context.Context, req *weftv1.WatchPacketsRequest, f func(*weftv1.WatchPacketsResponse) error) error {
	return c.world.tap.watch(ctx, req, f)
}
