package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// ErrNotConnected says that a host's switch is not connected.
var ErrNotConnected = errors.New("not connected")

// conn returns the connection of a host's switch.
func (b *Board) conn(host string) (*openflow.Conn, error) {
	b.mu.Lock()
	t := b.targets[host]
	b.mu.Unlock()
	if t != nil {
		if c := t.conn.Load(); c != nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("host %q: %w", host, ErrNotConnected)
}

// Ports returns the ports that a host's switch has, with their names.
func (b *Board) Ports(ctx context.Context, host string) ([]openflow.Port, error) {
	c, err := b.conn(host)
	if err != nil {
		return nil, err
	}
	return c.Ports(ctx)
}

// Flows calls f with each flow that a host's switch has, of one table or with openflow.AllTables of all, whoever made it. What f gets is
// valid during the call.
func (b *Board) Flows(ctx context.Context, host string, table uint8, f func(*openflow.FlowStats) error) error {
	c, err := b.conn(host)
	if err != nil {
		return err
	}
	q := openflow.EveryFlow()
	q.Table = table
	return c.Dump(ctx, q, f)
}

// GroupsAndMeters returns those that a host's switch has.
func (b *Board) GroupsAndMeters(ctx context.Context, host string) ([]flow.Group, []flow.Meter, error) {
	c, err := b.conn(host)
	if err != nil {
		return nil, nil, err
	}
	groups, err := c.Groups(ctx)
	if err != nil {
		return nil, nil, err
	}
	meters, err := c.Meters(ctx)
	return groups, meters, err
}
