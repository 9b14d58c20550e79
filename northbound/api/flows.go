package api

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// ErrNotConnected is for a Looker to wrap where a host's switch is not connected.
var ErrNotConnected = errors.New("the switch is not connected")

// Looker looks at switches and packets. Errors about a field are *intent.InvalidError.
type Looker interface {
	// GetTopology returns hosts, what joins them and what is plugged into them.
	GetTopology(ctx context.Context) (*weftv1.GetTopologyResponse, error)
	// DumpFlows calls f with what a host's switch has.
	DumpFlows(ctx context.Context, req *weftv1.DumpFlowsRequest, f func(*weftv1.DumpFlowsResponse) error) error
	// SendPacket has a host's switch send a packet.
	SendPacket(ctx context.Context, req *weftv1.SendPacketRequest) error
	// WatchPackets calls f with packets as they come and go, until ctx ends.
	WatchPackets(ctx context.Context, req *weftv1.WatchPacketsRequest, f func(*weftv1.WatchPacketsResponse) error) error
}

// Frames that may be sent, in bytes: an Ethernet header at least, a jumbo frame at most.
const (
	minFrame = 14
	maxFrame = 9216
)

// flows is the service for those who look at switches and packets.
type flows struct {
	weftv1.UnimplementedFlowServiceServer
	s *Server
}

// known refuses a host that there is none of.
func (f *flows) known(host string) error {
	if err := f.s.loaded(); err != nil {
		return err
	}
	if host == "" {
		return badField("host", "is missing")
	}
	key := intent.Key{Kind: intent.KindHost, Name: host}
	if _, ok := f.s.cfg.Catalog.Get(key); !ok {
		return &intent.NotFoundError{Keys: []intent.Key{key}}
	}
	return nil
}

// GetTopology returns hosts, what joins them and what is plugged into them.
func (f *flows) GetTopology(ctx context.Context, _ *weftv1.GetTopologyRequest) (*weftv1.GetTopologyResponse, error) {
	if err := f.s.loaded(); err != nil {
		return nil, err
	}
	return f.s.cfg.Looker.GetTopology(ctx)
}

// DumpFlows streams what a host's switch has.
func (f *flows) DumpFlows(req *weftv1.DumpFlowsRequest, stream grpc.ServerStreamingServer[weftv1.DumpFlowsResponse]) error {
	if err := f.known(req.GetHost()); err != nil {
		return err
	}
	return f.s.cfg.Looker.DumpFlows(stream.Context(), req, stream.Send)
}

// SendPacket has a host's switch send a packet.
func (f *flows) SendPacket(ctx context.Context, req *weftv1.SendPacketRequest) (resp *weftv1.SendPacketResponse, err error) {
	a := f.s.audit(ctx, "send packet")
	a.add("host/" + req.GetHost())
	defer func() { a.done(f.s.cfg.Catalog.Revision(), err) }()
	if err := f.known(req.GetHost()); err != nil {
		return nil, err
	}
	if n := len(req.GetFrame()); n < minFrame || n > maxFrame {
		return nil, badField("frame", "has %d bytes; from %d to %d are sent", n, minFrame, maxFrame)
	}
	return &weftv1.SendPacketResponse{}, f.s.cfg.Looker.SendPacket(ctx, req)
}

// WatchPackets streams packets as they come and go.
func (f *flows) WatchPackets(req *weftv1.WatchPacketsRequest, stream grpc.ServerStreamingServer[weftv1.WatchPacketsResponse]) error {
	if req.GetHost() != "" {
		if err := f.known(req.GetHost()); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(f.s.life, cancel)()
	err := f.s.cfg.Looker.WatchPackets(ctx, req, stream.Send)
	if f.s.life.Err() != nil {
		return stopping()
	}
	return err
}
