package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Topology returns hosts, what joins them and what is plugged into them.
func (c *Client) Topology(ctx context.Context) (*weftv1.GetTopologyResponse, error) {
	resp, err := c.flows.GetTopology(ctx, &weftv1.GetTopologyRequest{})
	return resp, c.wrap(err)
}

// DumpFlows returns what a host's switch has now: flows, groups and meters. An error ends the loop.
func (c *Client) DumpFlows(ctx context.Context, req *weftv1.DumpFlowsRequest) iter.Seq2[*weftv1.DumpFlowsResponse, error] {
	return streamed(ctx, c, func(ctx context.Context) (grpc.ServerStreamingClient[weftv1.DumpFlowsResponse], error) {
		return c.flows.DumpFlows(ctx, req)
	})
}

// SendPacket has a host's switch send a packet.
func (c *Client) SendPacket(ctx context.Context, req *weftv1.SendPacketRequest) error {
	_, err := c.flows.SendPacket(ctx, req)
	return c.wrap(err)
}

// WatchPackets returns packets as switches hand them over and are sent them, until ctx ends.
func (c *Client) WatchPackets(ctx context.Context, req *weftv1.WatchPacketsRequest) iter.Seq2[*weftv1.WatchPacketsResponse, error] {
	return streamed(ctx, c, func(ctx context.Context) (grpc.ServerStreamingClient[weftv1.WatchPacketsResponse], error) {
		return c.flows.WatchPackets(ctx, req)
	})
}

// streamed returns what a call streams, to its end.
func streamed[M any](ctx context.Context, c *Client, call func(context.Context) (grpc.ServerStreamingClient[M], error)) iter.Seq2[*M, error] {
	return func(yield func(*M, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := call(ctx)
		for err == nil {
			var m *M
			if m, err = stream.Recv(); err == nil && !yield(m, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, c.wrap(err))
		}
	}
}
