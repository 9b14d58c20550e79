package controller

import "sync"

// inbox gathers changes to the world from any goroutine, for the one that owns it. Posting never blocks.
type inbox struct {
	mu    sync.Mutex
	posts []func(*world)
	wake  chan struct{} // capacity 1
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

func (b *inbox) post(change func(*world)) {
	b.mu.Lock()
	b.posts = append(b.posts, change)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns what has gathered.
func (b *inbox) take() []func(*world) {
	b.mu.Lock()
	defer b.mu.Unlock()
	posts := b.posts
	b.posts = nil
	return posts
}
