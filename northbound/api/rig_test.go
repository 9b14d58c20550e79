package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// rig is a server over a store in memory and a controller that does as the test says.
type rig struct {
	t        *testing.T
	store    store.Store
	memory   *store.Memory // the store, if it is one
	catalog  *intent.Catalog
	ctrl     *controller
	log      *logText
	registry *prometheus.Registry
	server   *Server
	conn     *grpc.ClientConn
	weft     weftv1.WeftServiceClient
	admin    weftv1.AdminServiceClient
	stop     context.CancelFunc
	ended    chan struct{} // closed when Serve has returned
	err      error         // what it returned, after ended
}

// options differ from test to test.
type options struct {
	listener net.Listener // nil: in memory
	tls      *tls.Config
	unread   bool        // the store is never read into the catalog
	store    store.Store // nil: a new one in memory
	bookmark time.Duration
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	r := &rig{t: t, store: store.NewMemory(), ctrl: newController(), log: &logText{}, registry: prometheus.NewRegistry(), ended: make(chan struct{})}
	if o.store != nil {
		r.store = o.store
	}
	r.memory, _ = r.store.(*store.Memory)
	logger := logrus.New()
	logger.SetOutput(r.log)
	log := logrus.NewEntry(logger)
	var err error
	if r.catalog, err = intent.NewCatalog(intent.CatalogConfig{Store: r.store, UnderlayMTU: 1500, Log: log}); err != nil {
		t.Fatal(err)
	}
	r.server, err = New(Config{
		Catalog: r.catalog, Controller: r.ctrl, Store: r.store, Registry: r.registry, Log: log, Version: "1.2.3", TLS: o.tls,
		Info: func() *weftv1.GetInfoResponse { return &weftv1.GetInfoResponse{Hosts: 3} }, Bookmark: o.bookmark,
	})
	if err != nil {
		t.Fatal(err)
	}
	listener := o.listener
	if listener == nil {
		listener = bufconn.Listen(1 << 20)
	}
	r.run(listener, o)
	if memory, ok := listener.(*bufconn.Listener); ok {
		r.dial("passthrough:///memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return memory.DialContext(ctx) }))
	}
	if !o.unread {
		eventually(t, "the store is followed", func() bool {
			r.server.past.mu.Lock()
			defer r.server.past.mu.Unlock()
			return r.server.past.rev > 0
		})
	}
	return r
}

func (r *rig) run(listener net.Listener, o options) {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	var running sync.WaitGroup
	if !o.unread {
		running.Go(func() { _ = store.Follow(ctx, r.store, intent.StorePrefix, follower{r.catalog}) })
	}
	running.Go(func() {
		r.err = r.server.Serve(ctx, listener)
		close(r.ended)
	})
	r.t.Cleanup(func() {
		cancel()
		running.Wait()
		if r.err != nil {
			r.t.Error("Serve:", r.err)
		}
	})
}

func (r *rig) dial(target string, opts ...grpc.DialOption) {
	r.t.Helper()
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, opts...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	r.conn, r.weft, r.admin = conn, weftv1.NewWeftServiceClient(conn), weftv1.NewAdminServiceClient(conn)
}

// apply stores resources and returns the revision.
func (r *rig) apply(resources ...*weftv1.Resource) int64 {
	r.t.Helper()
	resp, err := r.weft.Apply(r.t.Context(), &weftv1.ApplyRequest{Resources: resources})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.GetRevision()
}

// remove deletes resources and returns the revision.
func (r *rig) remove(refs ...*weftv1.ResourceRef) int64 {
	r.t.Helper()
	resp, err := r.weft.Delete(r.t.Context(), &weftv1.DeleteRequest{Refs: refs})
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.GetRevision()
}

func project(name string) *weftv1.Resource { return &weftv1.Resource{Kind: "Project", Name: name} }

func network(project, name string) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Network", Project: project, Name: name, Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{}}}
}

func port(project, name, network string, labels ...string) *weftv1.Resource {
	res := &weftv1.Resource{Kind: "Port", Project: project, Name: name, Labels: map[string]string{},
		Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: network}}}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		res.Labels[key] = value
	}
	return res
}

func host(name string) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Host", Name: name, Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{}}}
}

func ref(kind, project, name string) *weftv1.ResourceRef {
	return &weftv1.ResourceRef{Kind: kind, Project: project, Name: name}
}

// names are the keys of resources in one text.
func names(resources []*weftv1.Resource) string {
	var out []string
	for _, res := range resources {
		out = append(out, intent.KeyOf(res).String())
	}
	return strings.Join(out, " ")
}

// follower keeps a catalog as the store is.
type follower struct{ *intent.Catalog }

func (f follower) Snapshot(kvs []store.KV, rev int64) error { return f.FollowSnapshot(kvs, rev) }

func (f follower) Batch(b store.Batch) error { return f.FollowBatch(b) }

func (f follower) Lost(error) {}

// controller is a Controller that does as the test says.
type controller struct {
	mu        sync.Mutex
	phases    map[string]weftv1.Status_Phase // by key; otherwise active
	awaits    []Await
	await     func(ctx context.Context, w Await) ([]*weftv1.HostProgress, error)
	explain   func(*weftv1.ExplainRequest) (*weftv1.ExplainResponse, error)
	changes   []chan []intent.Key
	listeners []*heard
}

func newController() *controller { return &controller{phases: map[string]weftv1.Status_Phase{}} }

func (c *controller) Overlay(res *weftv1.Resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if res.Status == nil {
		res.Status = &weftv1.Status{}
	}
	res.Status.Phase = weftv1.Status_PHASE_ACTIVE
	if phase, ok := c.phases[intent.KeyOf(res).String()]; ok {
		res.Status.Phase = phase
	}
	res.Status.Hosts = []string{"h1", "h2"}
}

// set changes a phase, and tells those who listen.
func (c *controller) set(t *testing.T, name string, phase weftv1.Status_Phase) {
	t.Helper()
	key, err := intent.ParseKey(name)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.phases[name] = phase
	changes := slices.Clone(c.changes)
	c.mu.Unlock()
	for _, ch := range changes {
		ch <- []intent.Key{key}
	}
}

func (c *controller) Await(ctx context.Context, w Await) ([]*weftv1.HostProgress, error) {
	c.mu.Lock()
	c.awaits = append(c.awaits, w)
	await := c.await
	c.mu.Unlock()
	if await == nil {
		return nil, nil
	}
	return await(ctx, w)
}

func (c *controller) StatusChanges(context.Context) <-chan []intent.Key {
	ch := make(chan []intent.Key, 100)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes = append(c.changes, ch)
	return ch
}

// Listen hands what it is asked for to the test.
func (c *controller) Listen(wanted func(*weftv1.LogEntry) bool) Listener {
	h := &heard{wanted: wanted, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners = append(c.listeners, h)
	return h
}

// heard is a listener to which a test tells what it hears.
type heard struct {
	wanted func(*weftv1.LogEntry) bool
	wake   chan struct{}
	closed chan struct{}

	mu      sync.Mutex
	entries []*weftv1.LogEntry
	lost    uint64
}

// tell has it hear entries, after some that are lost.
func (h *heard) tell(lost uint64, entries ...*weftv1.LogEntry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost += lost
	for _, e := range entries {
		if h.wanted(e) {
			h.entries = append(h.entries, e)
		}
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *heard) Wake() <-chan struct{} { return h.wake }

func (h *heard) Take() ([]*weftv1.LogEntry, uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	entries, lost := h.entries, h.lost
	h.entries, h.lost = nil, 0
	return entries, lost
}

func (h *heard) Close() { close(h.closed) }

func (c *controller) Explain(_ context.Context, req *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
	if c.explain != nil {
		return c.explain(req)
	}
	return &weftv1.ExplainResponse{Flows: []*weftv1.FlowExplanation{{Host: "h1", Cookie: req.GetCookie()}}}, nil
}

// logText is a log in memory.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

var _ io.Writer = (*logText)(nil)

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out: %s", what)
		}
	}
}
