package controller

import (
	"context"
	"sync"

	"github.com/weft-sdn/weft/controller/intent"
)

// news tells watchers whose status may have changed: once when rules said something new or flows changed, and once more when
// the switches have confirmed it.
type news struct {
	c *core

	mu        sync.Mutex
	unsettled map[string]struct{} // subjects that changed and may not be on all switches yet
	watchers  map[*watcher]struct{}
}

// watcher is one reader of status changes; what it has not read yet gathers.
type watcher struct {
	wake chan struct{} // capacity 1
	keys map[intent.Key]struct{}
}

func newNews(c *core) *news {
	return &news{c: c, unsettled: map[string]struct{}{}, watchers: map[*watcher]struct{}{}}
}

// changed is told the subjects of every step of the engine.
func (n *news) changed(subjects []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.watchers) == 0 {
		return
	}
	for _, s := range subjects {
		n.unsettled[s] = struct{}{}
		n.tell(s)
	}
}

func (n *news) tell(subject string) {
	key, err := intent.ParseKey(subject)
	if err != nil {
		return // a subject that is no resource
	}
	for w := range n.watchers {
		w.keys[key] = struct{}{}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// run announces again what has settled.
func (n *news) run(ctx context.Context) {
	for {
		changed := n.c.board.Changed()
		n.settle()
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (n *news) settle() {
	n.mu.Lock()
	subjects := make([]string, 0, len(n.unsettled))
	for s := range n.unsettled {
		subjects = append(subjects, s)
	}
	n.mu.Unlock()
	for _, s := range subjects {
		if !n.c.settled(s) {
			continue
		}
		n.mu.Lock()
		delete(n.unsettled, s)
		n.tell(s)
		n.mu.Unlock()
	}
}

// StatusChanges returns the keys whose status may have changed, from now until ctx ends.
func (c *core) StatusChanges(ctx context.Context) <-chan []intent.Key {
	w := &watcher{wake: make(chan struct{}, 1), keys: map[intent.Key]struct{}{}}
	n := c.news
	n.mu.Lock()
	n.watchers[w] = struct{}{}
	n.mu.Unlock()
	out := make(chan []intent.Key)
	go func() { // ends with ctx, which is the caller's call
		defer close(out)
		defer func() {
			n.mu.Lock()
			delete(n.watchers, w)
			n.mu.Unlock()
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wake:
			}
			select {
			case <-ctx.Done():
				return
			case out <- n.take(w):
			}
		}
	}()
	return out
}

func (n *news) take(w *watcher) []intent.Key {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys := make([]intent.Key, 0, len(w.keys))
	for k := range w.keys {
		keys = append(keys, k)
	}
	clear(w.keys)
	return keys
}
