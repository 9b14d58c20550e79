package client

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// history is a small server that remembers every change, and can be told to forget, to lose its connections, to stop and
// to start again. It knows nothing of what resources mean.
type history struct {
	weftv1.UnimplementedWeftServiceServer
	weftv1.UnimplementedAdminServiceServer

	t       *testing.T
	address string

	mu        sync.Mutex
	grpc      *grpc.Server
	listener  net.Listener
	changed   chan struct{} // closed at every change
	log       []*weftv1.WatchResponse
	now       map[string]*weftv1.Resource
	compacted int64
	lists     int
	midList   func() // called once between the first and the second page
	silent    bool
	fail      error // what calls answer
	restored  []byte
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, changed: make(chan struct{}), now: map[string]*weftv1.Resource{}, address: "127.0.0.1:0"}
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *history) start() {
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.address = l.Addr().String()
	srv := grpc.NewServer()
	weftv1.RegisterWeftServiceServer(srv, h)
	weftv1.RegisterAdminServiceServer(srv, h)
	h.mu.Lock()
	h.grpc, h.listener = srv, l
	h.mu.Unlock()
	go srv.Serve(l) //nolint:errcheck // ends with stop
}

func (h *history) stop() {
	h.mu.Lock()
	srv, l := h.grpc, h.listener
	h.mu.Unlock()
	srv.Stop()
	l.Close() //nolint:errcheck // closed already, unless Serve has not begun yet
}

func (h *history) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *history) revision() int64 { return int64(len(h.log)) }

// put and remove make the next revision.
func (h *history) put(name, uid string) {
	h.set(func() {
		r := &weftv1.Resource{Kind: "Port", Project: "p", Name: name, Uid: uid, Revision: h.revision() + 1}
		h.now[name] = r
		h.log = append(h.log, &weftv1.WatchResponse{Revision: h.revision() + 1, Events: []*weftv1.Event{{Type: weftv1.Event_TYPE_PUT, Resource: r}}})
	})
}

func (h *history) remove(name string) {
	h.set(func() {
		r := h.now[name]
		delete(h.now, name)
		h.log = append(h.log, &weftv1.WatchResponse{Revision: h.revision() + 1, Events: []*weftv1.Event{{Type: weftv1.Event_TYPE_DELETE, Resource: r}}})
	})
}

func (h *history) compact() { h.set(func() { h.compacted = h.revision() }) }

// List returns pages of one resource each.
func (h *history) List(_ context.Context, req *weftv1.ListRequest) (*weftv1.ListResponse, error) {
	h.mu.Lock()
	if req.GetPageToken() != "" && h.midList != nil {
		f := h.midList
		h.midList = nil
		h.mu.Unlock()
		f()
		h.mu.Lock()
	}
	defer h.mu.Unlock()
	if h.fail != nil {
		return nil, h.fail
	}
	h.lists++
	resp := &weftv1.ListResponse{Revision: h.revision()}
	next := ""
	for name := range h.now {
		if name > req.GetPageToken() && (next == "" || name < next) {
			next = name
		}
	}
	if next != "" {
		resp.Resources = []*weftv1.Resource{h.now[next]}
		resp.NextPageToken = next
	}
	return resp, nil
}

func (h *history) Watch(req *weftv1.WatchRequest, stream grpc.ServerStreamingServer[weftv1.WatchResponse]) error {
	next := req.GetFromRevision()
	for {
		h.mu.Lock()
		changed, log, silent := h.changed, h.log, h.silent
		if next <= h.compacted {
			h.mu.Unlock()
			st, _ := status.New(codes.OutOfRange, "compacted").WithDetails(&errdetails.ErrorInfo{Reason: "COMPACTED", Domain: "weft"})
			return st.Err()
		}
		h.mu.Unlock()
		for ; !silent && int(next) <= len(log); next++ {
			if err := stream.Send(log[next-1]); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (h *history) Get(context.Context, *weftv1.GetRequest) (*weftv1.GetResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &weftv1.GetResponse{}, h.fail
}

func (h *history) Backup(_ *weftv1.BackupRequest, stream grpc.ServerStreamingServer[weftv1.BackupResponse]) error {
	for _, part := range []string{"one ", "two ", "three"} {
		if err := stream.Send(&weftv1.BackupResponse{Data: []byte(part)}); err != nil {
			return err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fail
}

func (h *history) Restore(stream grpc.ClientStreamingServer[weftv1.RestoreRequest, weftv1.RestoreResponse]) error {
	for first := true; ; first = false {
		req, err := stream.Recv()
		if err != nil {
			break
		}
		if first && !req.GetReplace() {
			return status.Error(codes.FailedPrecondition, "the store is not empty")
		}
		h.restored = append(h.restored, req.GetData()...)
	}
	return stream.SendAndClose(&weftv1.RestoreResponse{Keys: int64(len(h.restored))})
}

func dial(t *testing.T, h *history) *Client {
	t.Helper()
	c, err := Dial(t.Context(), Config{Address: h.address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // end of the test
	return c
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}
