package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// watching is a watch as its caller sees it.
type watching struct {
	t      *testing.T
	stream weftv1.WeftService_WatchClient
	cancel context.CancelFunc
}

// watch begins a watch and waits until it stands.
func (r *rig) watch(req *weftv1.WatchRequest) *watching {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	r.t.Cleanup(cancel)
	stream, err := r.weft.Watch(ctx, req)
	if err != nil {
		r.t.Fatal(err)
	}
	w := &watching{r.t, stream, cancel}
	if _, err := stream.Recv(); err != nil {
		r.t.Fatal(err)
	}
	return w
}

// next is the next message that is more than a sign of life, in one line: "4 put port/red/vm1, delete port/red/vm2".
func (w *watching) next() string {
	w.t.Helper()
	for {
		resp, err := w.stream.Recv()
		if err != nil {
			w.t.Fatal(err)
		}
		if len(resp.GetEvents()) > 0 {
			return line(resp)
		}
	}
}

func line(resp *weftv1.WatchResponse) string {
	var events []string
	for _, e := range resp.GetEvents() {
		kind := strings.ToLower(strings.TrimPrefix(e.GetType().String(), "TYPE_"))
		events = append(events, kind+" "+intent.KeyOf(e.GetResource()).String())
	}
	slices.Sort(events)
	return strconv.FormatInt(resp.GetRevision(), 10) + " " + strings.Join(events, ", ")
}

func (w *watching) expect(format string, args ...any) {
	w.t.Helper()
	if have, want := w.next(), fmt.Sprintf(format, args...); have != want {
		w.t.Errorf("have %q, want %q", have, want)
	}
}

func TestWatch(t *testing.T) {
	r := newRig(t, options{})
	r.apply(network("red", "web"))
	w := r.watch(&weftv1.WatchRequest{})
	put := r.apply(port("red", "vm1", "web", "tier=db"), port("red", "vm2", "web"))
	w.expect("%d put port/red/vm1, put port/red/vm2", put)
	gone := r.remove(ref("Port", "red", "vm1"))
	resp, err := w.stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	res := resp.GetEvents()[0].GetResource()
	if line(resp) != fmt.Sprintf("%d delete port/red/vm1", gone) || res.GetLabels()["tier"] != "db" || res.GetUid() == "" || res.GetRevision() != put {
		t.Error("what is deleted is not sent as it was:", resp)
	}
	if resp := r.watch(&weftv1.WatchRequest{FromRevision: put}); resp.next() != fmt.Sprintf("%d put port/red/vm1, put port/red/vm2", put) {
		t.Error("a watch from a revision misses it")
	}
}

// TestWatchResumes: a watch that is begun anew at any revision goes on as if it had not ended.
func TestWatchResumes(t *testing.T) {
	r := newRig(t, options{})
	w := r.watch(&weftv1.WatchRequest{})
	r.apply(network("red", "web"))
	for i := range 20 {
		r.apply(port("red", fmt.Sprintf("vm%d", i%5), "web", fmt.Sprintf("n=%d", i)))
		if i%3 == 2 {
			r.remove(ref("Port", "red", fmt.Sprintf("vm%d", i%5)))
		}
	}
	last := r.remove(ref("Port", "red", "vm0"))
	prefix := fmt.Sprint(last, " ")
	all := []string{w.next()}
	for !strings.HasPrefix(all[len(all)-1], prefix) {
		all = append(all, w.next())
	}
	for i, first := range all {
		number, _, _ := strings.Cut(first, " ")
		from, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		again := r.watch(&weftv1.WatchRequest{FromRevision: from})
		for _, want := range all[i:] {
			again.expect("%s", want)
		}
		again.cancel()
	}
}

// TestWatchFilter: what begins to pass a filter is put, what ceases to is deleted, all else is not told.
func TestWatchFilter(t *testing.T) {
	r := newRig(t, options{})
	begin := r.apply(network("red", "web"), network("blue", "web"), port("red", "vm1", "web", "tier=db"), port("red", "vm2", "web"))
	req := &weftv1.WatchRequest{Filter: &weftv1.Filter{Kinds: []string{"Port"}, Project: "red", Labels: map[string]string{"tier": "db"}}}
	w := r.watch(req)
	r.apply(port("blue", "vm1", "web", "tier=db"), network("red", "db"))
	ceased := r.apply(port("red", "vm1", "web", "tier=app"))
	began := r.apply(port("red", "vm2", "web", "tier=db"))
	r.apply(port("red", "vm1", "web", "tier=app", "x=y"))
	r.remove(ref("Port", "red", "vm1"))
	gone := r.remove(ref("Port", "red", "vm2"))
	want := []string{fmt.Sprint(ceased, " delete port/red/vm1"), fmt.Sprint(began, " put port/red/vm2"), fmt.Sprint(gone, " delete port/red/vm2")}
	for _, line := range want {
		w.expect("%s", line)
	}
	req.FromRevision = begin + 1
	again := r.watch(req)
	for _, line := range want {
		again.expect("%s", line)
	}
}

// TestWatchForgotten: what was before is told no more when it was too long ago, but that something is gone is.
func TestWatchForgotten(t *testing.T) {
	r := newRig(t, options{})
	r.apply(network("red", "web"))
	put := r.apply(port("red", "vm1", "web", "tier=db"))
	changed := r.apply(port("red", "vm1", "web", "tier=app"))
	gone := r.remove(ref("Port", "red", "vm1"))
	eventually(t, "the past is known", func() bool {
		_, ok := r.server.past.of(change{gone, "r/port/red/vm1"})
		return ok
	})
	r.server.past.mu.Lock()
	clear(r.server.past.changes)
	r.server.past.mu.Unlock()
	w := r.watch(&weftv1.WatchRequest{FromRevision: put, Filter: &weftv1.Filter{Kinds: []string{"Port"}, Labels: map[string]string{"tier": "db"}}})
	w.expect("%d put port/red/vm1", put)
	w.expect("%d delete port/red/vm1", changed)
	w.expect("%d delete port/red/vm1", gone)
}

func TestWatchStatus(t *testing.T) {
	r := newRig(t, options{})
	r.apply(network("red", "web"), port("red", "vm1", "web"), port("red", "vm2", "web"))
	r.ctrl.phases["port/red/vm2"] = weftv1.Status_PHASE_ERROR
	without := r.watch(&weftv1.WatchRequest{})
	with := r.watch(&weftv1.WatchRequest{IncludeStatus: true, Filter: &weftv1.Filter{Kinds: []string{"Port"}}})
	active := r.watch(&weftv1.WatchRequest{IncludeStatus: true, Filter: &weftv1.Filter{Fields: []string{"status.phase=ACTIVE"}, Kinds: []string{"Port"}}})
	eventually(t, "the watches listen", func() bool { r.ctrl.mu.Lock(); defer r.ctrl.mu.Unlock(); return len(r.ctrl.changes) == 2 })
	rev := r.catalog.Revision()

	r.ctrl.set(t, "port/red/vm1", weftv1.Status_PHASE_BUILD)
	with.expect("%d status port/red/vm1", rev)
	active.expect("%d delete port/red/vm1", rev)
	r.ctrl.set(t, "network/red/web", weftv1.Status_PHASE_BUILD) // passes no filter
	r.ctrl.set(t, "port/red/gone", weftv1.Status_PHASE_BUILD)   // there is none
	r.ctrl.set(t, "port/red/vm2", weftv1.Status_PHASE_ACTIVE)
	with.expect("%d status port/red/vm2", rev)
	active.expect("%d status port/red/vm2", rev)
	gone := r.remove(ref("Port", "red", "vm1"), ref("Port", "red", "vm2"))
	without.expect("%d delete port/red/vm1, delete port/red/vm2", gone)
	active.expect("%d delete port/red/vm2", gone)
}

// TestWatchCompacted: a watch from a revision that is no longer known, or not yet, ends and says from where on it can be.
func TestWatchCompacted(t *testing.T) {
	r := newRig(t, options{})
	compacted(t, r)
	w := r.watch(&weftv1.WatchRequest{})
	r.memory.LoseWatches()
	if _, err := w.stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Error(err)
	}
}

// TestWatchEtcd is the same with the store that weftd has.
func TestWatchEtcd(t *testing.T) {
	s, err := store.OpenEmbedded(t.Context(), store.EmbeddedConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := newRig(t, options{store: s})
	compacted(t, r)
}

func compacted(t *testing.T, r *rig) {
	t.Helper()
	for i := range 5 {
		r.apply(project(fmt.Sprintf("p%d", i)))
	}
	now := r.catalog.Revision()
	if err := r.store.Compact(t.Context(), now-1); err != nil {
		t.Fatal(err)
	}
	for from, reason := range map[int64]string{2: "COMPACTED", now + 100: "COMPACTED"} {
		w := r.watch(&weftv1.WatchRequest{FromRevision: from})
		_, err := w.stream.Recv()
		info := detail[*errdetails.ErrorInfo](status.Convert(err))
		compacted, _ := strconv.ParseInt(info.GetMetadata()["compact_revision"], 10, 64)
		if status.Code(err) != codes.OutOfRange || info.GetReason() != reason || compacted < now-1 || compacted > now {
			t.Errorf("from %d: %v %v", from, err, info)
		}
	}
	w := r.watch(&weftv1.WatchRequest{FromRevision: now})
	w.expect("%d put project/p4", now)
}

// TestWatchBookmarks: a watch on which nothing happens gives signs of life, with what has been passed over.
func TestWatchBookmarks(t *testing.T) {
	r := newRig(t, options{bookmark: 10 * time.Millisecond})
	w := r.watch(&weftv1.WatchRequest{Filter: &weftv1.Filter{Kinds: []string{"Host"}}})
	rev := r.apply(project("red"))
	for {
		resp, err := w.stream.Recv()
		if err != nil || len(resp.GetEvents()) > 0 {
			t.Fatal(resp, err)
		}
		if resp.GetRevision() == rev {
			return
		}
	}
}

// TestSlowWatch: one who does not read holds nobody up, and gets all of it later.
func TestSlowWatch(t *testing.T) {
	r := newRig(t, options{})
	slow := r.watch(&weftv1.WatchRequest{})
	quick := r.watch(&weftv1.WatchRequest{})
	first := r.apply(network("red", "web"))
	const rounds = 60
	for i := range rounds {
		many := make([]*weftv1.Resource, 50)
		for j := range many {
			many[j] = port("red", fmt.Sprintf("vm%d", j), "web", fmt.Sprintf("round=%d", i))
			many[j].Description = strings.Repeat("x", 200)
		}
		r.apply(many...)
	}
	for _, w := range []*watching{quick, slow} {
		for at := first; at <= first+rounds; at++ {
			if line := w.next(); !strings.HasPrefix(line, fmt.Sprint(at, " ")) {
				t.Fatalf("at revision %d: %s", at, line)
			}
		}
	}
}

// TestLargeRevision: a revision that is larger than a message comes in several; only the last says that it is all.
func TestLargeRevision(t *testing.T) {
	r := newRig(t, options{})
	begin := r.apply(network("red", "web"))
	w := r.watch(&weftv1.WatchRequest{})
	many := make([]*weftv1.Resource, 9000)
	for i := range many {
		many[i] = port("red", fmt.Sprintf("vm%d", i), "web")
		many[i].Description = strings.Repeat("x", 250)
	}
	rev := r.apply(many...)
	var revisions []int64
	for count := 0; count < len(many); {
		resp, err := w.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		count += len(resp.GetEvents())
		revisions = append(revisions, resp.GetRevision())
	}
	if len(revisions) < 2 || revisions[len(revisions)-1] != rev || slices.Max(revisions[:len(revisions)-1]) != begin {
		t.Error(revisions)
	}
}

func TestWatchErrors(t *testing.T) {
	r := newRig(t, options{})
	for _, req := range []*weftv1.WatchRequest{{FromRevision: -1}, {Filter: &weftv1.Filter{Kinds: []string{"X"}}}} {
		stream, err := r.weft.Watch(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); status.Code(err) != codes.InvalidArgument {
			t.Error(err)
		}
	}
}

// TestWatchElsewhere: what one server writes, the watches of another on the same store tell, and what they tell can be read
// there.
func TestWatchElsewhere(t *testing.T) {
	here := newRig(t, options{})
	there := newRig(t, options{store: here.store})
	w := there.watch(&weftv1.WatchRequest{})
	for i := range 50 {
		rev := here.apply(project(fmt.Sprintf("p%d", i)))
		w.expect("%d put project/p%d", rev, i)
		got, err := there.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", fmt.Sprintf("p%d", i))})
		if err != nil || got.GetRevision() < rev {
			t.Fatal(got, err)
		}
		gone := here.remove(ref("Project", "", fmt.Sprintf("p%d", i)))
		w.expect("%d delete project/p%d", gone, i)
	}
}
