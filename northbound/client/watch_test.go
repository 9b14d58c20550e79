package client

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// follower is a program that keeps a map of what a watch tells it, and a journal.
type follower struct {
	mu      sync.Mutex
	have    map[string]string // name → uid
	journal []string
	retries int
	err     error
	done    chan struct{}
	cancel  context.CancelFunc
}

func follow(t *testing.T, h *history, opt WatchOptions) *follower {
	c := dial(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{have: map[string]string{}, done: make(chan struct{}), cancel: cancel}
	opt.OnRetry = func(error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.retries++
	}
	go func() {
		defer close(f.done)
		for change, err := range c.Watch(ctx, opt) {
			f.mu.Lock()
			f.err = err
			for _, e := range change.Events {
				f.note(change, e)
			}
			f.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-f.done })
	return f
}

func (f *follower) note(change Change, e *weftv1.Event) {
	r := e.GetResource()
	word := strings.ToLower(strings.TrimPrefix(e.GetType().String(), "TYPE_"))
	if change.Listed {
		word = "listed " + word
	}
	f.journal = append(f.journal, fmt.Sprintf("%d %s %s", change.Revision, word, r.GetName()))
	if e.GetType() == weftv1.Event_TYPE_DELETE {
		delete(f.have, r.GetName())
		return
	}
	f.have[r.GetName()] = r.GetUid()
}

func (f *follower) wait(t *testing.T, want ...string) {
	t.Helper()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !slices.Equal(f.journal, want) {
			t.Fatalf("journal\n%s\nwant\n%s", strings.Join(f.journal, "\n"), strings.Join(want, "\n"))
		}
	}()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		n := len(f.journal)
		f.mu.Unlock()
		if n >= len(want) {
			return
		}
	}
}

func TestWatchExisting(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	h.put("b", "1")
	f := follow(t, h, WatchOptions{From: FromExisting})
	f.wait(t, "2 listed put a", "2 listed put b")
	h.put("c", "1")
	h.remove("a")
	f.wait(t, "2 listed put a", "2 listed put b", "3 put c", "4 delete a")
}

func TestWatchFromRevision(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	h.put("b", "1")
	h.remove("a")
	f := follow(t, h, WatchOptions{From: 2})
	f.wait(t, "2 put b", "3 delete a")
}

func TestWatchNow(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	f := follow(t, h, WatchOptions{})
	eventually(t, "the watch begins", func() bool { h.mu.Lock(); defer h.mu.Unlock(); return h.lists > 1 })
	h.remove("a")
	f.wait(t, "2 delete a")
}

// TestWatchAcrossRestart: a server that goes away and comes back costs no event, and repeats none.
func TestWatchAcrossRestart(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	f := follow(t, h, WatchOptions{From: FromExisting})
	f.wait(t, "1 listed put a")
	h.stop()
	h.put("b", "1")
	h.put("b", "1")
	h.remove("a")
	h.start()
	f.wait(t, "1 listed put a", "2 put b", "3 put b", "4 delete a")
	if f.retries == 0 {
		t.Error("OnRetry was not called")
	}
	if h.lists != 2 { // pages
		t.Errorf("%d pages listed; a reconnect needs none", h.lists)
	}
}

// TestWatchAcrossCompaction: what was compacted away while the connection was down comes as its result.
func TestWatchAcrossCompaction(t *testing.T) {
	h := newHistory(t)
	for _, name := range []string{"same", "changed", "gone", "remade"} {
		h.put(name, "1")
	}
	f := follow(t, h, WatchOptions{From: FromExisting})
	start := []string{"4 listed put changed", "4 listed put gone", "4 listed put remade", "4 listed put same"}
	f.wait(t, start...)
	h.stop()
	h.put("changed", "1")
	h.put("changed", "1")
	h.remove("gone")
	h.remove("remade")
	h.put("remade", "2")
	h.put("new", "1")
	h.put("never seen", "1")
	h.remove("never seen")
	h.compact()
	h.start()
	rest := []string{"12 listed delete gone", "12 listed delete remade", "12 listed put changed", "12 listed put new", "12 listed put remade"}
	f.wait(t, append(start, rest...)...)
	h.put("later", "1")
	f.wait(t, append(append(start, rest...), "13 put later")...)
}

// TestWatchChangesDuringList: pages are read one by one, so a later page may hold what the stream will bring again.
func TestWatchChangesDuringList(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	h.put("c", "1")
	h.midList = func() {
		h.put("b", "1")
		h.remove("a")
		h.remove("c")
	}
	f := follow(t, h, WatchOptions{From: FromExisting})
	f.wait(t, "2 listed put a", "2 listed put b", "4 delete a")
	h.put("end", "1")
	f.wait(t, "2 listed put a", "2 listed put b", "4 delete a", "6 put end")
}

// TestWatchSilence: a server that says nothing at all counts as lost.
func TestWatchSilence(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	h.silent = true
	f := follow(t, h, WatchOptions{From: 1, Idle: 50 * time.Millisecond})
	eventually(t, "the watch is tried again", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.retries > 0 })
	h.set(func() { h.silent = false })
	f.wait(t, "1 put a")
}

// TestWatchEnds: an error that stays is returned, and the end of the context is none.
func TestWatchEnds(t *testing.T) {
	h := newHistory(t)
	f := follow(t, h, WatchOptions{})
	f.cancel()
	<-f.done
	if f.err != nil {
		t.Error(f.err)
	}
	h.set(func() { h.fail = status.Error(codes.PermissionDenied, "not yours") })
	g := follow(t, h, WatchOptions{})
	<-g.done
	if g.err == nil || g.err.Error() != "not yours" {
		t.Errorf("got %v", g.err)
	}
}

// TestWatchLeft: leaving the loop ends the watch.
func TestWatchLeft(t *testing.T) {
	h := newHistory(t)
	h.put("a", "1")
	h.put("b", "1")
	c := dial(t, h)
	for change, err := range c.Watch(t.Context(), WatchOptions{From: 1}) {
		if err != nil || change.Revision != 1 {
			t.Fatal(change, err)
		}
		break
	}
}

// TestWatchKeepsMapRight edits at random while the server comes, goes and forgets: the map ends up right.
func TestWatchKeepsMapRight(t *testing.T) {
	h := newHistory(t)
	h.put("first", "u")
	f := follow(t, h, WatchOptions{From: FromExisting})
	f.wait(t, "1 listed put first")
	for i := range 200 {
		name := fmt.Sprintf("n%d", i*7%13)
		h.mu.Lock()
		_, exists := h.now[name]
		h.mu.Unlock()
		if exists && i%3 != 0 {
			h.remove(name)
		} else {
			h.put(name, fmt.Sprintf("u%d", i))
		}
		switch {
		case i%50 == 20:
			h.stop()
		case i%50 == 25:
			h.compact()
		case i%50 == 30:
			h.start()
		case i%17 == 0:
			h.compact()
		}
	}
	want := map[string]string{}
	for name, r := range h.now {
		want[name] = r.GetUid()
	}
	eventually(t, "the maps are equal", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return maps.Equal(f.have, want)
	})
}
