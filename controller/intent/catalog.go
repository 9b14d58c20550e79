package intent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// defaultUnderlayMTU is the MTU between hosts where none is configured.
const defaultUnderlayMTU = 1500

// CatalogConfig is what a catalog needs.
type CatalogConfig struct {
	Store store.Store
	// UnderlayMTU is the largest IP packet between hosts in bytes; 0: 1,500. Networks get what encapsulation leaves of it.
	// After a change it is taken over by a network, and told its ports, when the network is applied again.
	UnderlayMTU int
	// UnderlayIP is the version of IP between hosts, 4 or 6; 0: 4.
	UnderlayIP int
	// FlowWords are the names of tables and registers that the texts of flows may say.
	FlowWords flow.Words
	Log       *logrus.Entry // nil: nothing is logged
}

func (cfg *CatalogConfig) validate() error {
	if cfg.Store == nil {
		return errors.New("a catalog needs a store")
	}
	if cfg.UnderlayMTU == 0 {
		cfg.UnderlayMTU = defaultUnderlayMTU
	}
	if cfg.UnderlayIP == 0 {
		cfg.UnderlayIP = 4
	}
	if cfg.UnderlayIP != 4 && cfg.UnderlayIP != 6 {
		return fmt.Errorf("the IP version between hosts is 4 or 6, not %d", cfg.UnderlayIP)
	}
	for _, typ := range types() {
		if overhead := cfg.overhead(typ); cfg.UnderlayMTU-overhead < minMTU || cfg.UnderlayMTU > maxMTU {
			return fmt.Errorf("underlay MTU %d must be from %d to %d: %s takes %d bytes, and IPv6 needs %d", cfg.UnderlayMTU, minMTU+overhead, maxMTU, typ, overhead, minMTU)
		}
	}
	if cfg.Log == nil {
		quiet := logrus.New()
		quiet.SetOutput(io.Discard)
		cfg.Log = logrus.NewEntry(quiet)
	}
	return nil
}

// overhead is how many bytes of a packet between hosts are not the tenant's.
func (cfg *CatalogConfig) overhead(typ string) int {
	e, _ := encapsulationOf(typ)
	if e.tunnel && cfg.UnderlayIP == 6 {
		return e.overhead + moreOfIPv6
	}
	return e.overhead
}

// Catalog is every stored resource, in memory, with what it takes to judge a change. All methods may be called from any
// goroutine.
//
// Invariant: resources that the catalog has handed out are never changed again, neither by it nor by who got them: clone
// before changing one.
type Catalog struct {
	cfg  CatalogConfig
	turn chan struct{} // held by who writes to the store

	mu      sync.RWMutex
	state   *state
	rev     int64         // state is what the store holds at rev
	ahead   int64         // newest rev that was not learnt by following the store
	moved   chan struct{} // closed when the store has been followed further; nil: it is not followed
	head    head
	headRev int64 // revision that wrote head; 0: never written
	doubt   doubt
	ordered []*weftv1.Resource // in the order of List, but for touched
	touched map[Key]struct{}   // changed since
}

// doubt is what has to be read from the store before the next transaction.
type doubt int

const (
	doubtNone  doubt = iota
	doubtHead        // another controller has written
	doubtState       // the catalog may have missed something
)

// NewCatalog makes a catalog, which is empty until it follows the store or first writes to it.
func NewCatalog(cfg CatalogConfig) (*Catalog, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	return &Catalog{
		cfg: cfg, turn: make(chan struct{}, 1), state: newState(), doubt: doubtState, touched: map[Key]struct{}{},
	}, nil
}

// Revision returns the revision of the store up to which the catalog is complete; 0 until it has read the store.
func (c *Catalog) Revision() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.rev
}

// Get returns a resource as stored. It is shared: clone it before changing it.
func (c *Catalog) Get(key Key) (*weftv1.Resource, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	rec := c.state.records[key]
	if rec == nil || rec.res == nil {
		return nil, false
	}
	return rec.res, true
}

// List yields all resources as they are now, by kind, project and name. They are shared: clone before changing one.
func (c *Catalog) List() iter.Seq[*weftv1.Resource] { return slices.Values(c.sorted()) }

// ListAfter is List from after a key on, which need not exist.
func (c *Catalog) ListAfter(key Key) iter.Seq[*weftv1.Resource] {
	all := c.sorted()
	i, found := slices.BinarySearchFunc(all, key, compareKey)
	if found {
		i++
	}
	return slices.Values(all[i:])
}

// sorted returns all resources in order. Nobody changes the slice: the next change makes another one.
func (c *Catalog) sorted() []*weftv1.Resource {
	c.mu.RLock()
	all, current := c.ordered, len(c.touched) == 0
	c.mu.RUnlock()
	if current {
		return all
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(c.touched), Key.Compare)
	merged, rest := make([]*weftv1.Resource, 0, len(c.ordered)+len(keys)), c.ordered
	for _, key := range keys {
		i, found := slices.BinarySearchFunc(rest, key, compareKey)
		merged = append(merged, rest[:i]...)
		if rec := c.state.records[key]; rec != nil && rec.res != nil {
			merged = append(merged, rec.res)
		}
		if found {
			i++
		}
		rest = rest[i:]
	}
	merged = append(merged, rest...)
	c.ordered, c.touched = merged, map[Key]struct{}{}
	return c.ordered
}

func compareKey(res *weftv1.Resource, key Key) int { return KeyOf(res).Compare(key) }

// Referrers returns what refers to a resource, in order: a project's resources, a network's subnets and ports, a subnet's
// ports.
func (c *Catalog) Referrers(key Key) []Key {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.state.referrers(key)
}

// UsedIPs returns how many addresses of a subnet ports have.
func (c *Catalog) UsedIPs(subnet Key) uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if s := c.state.subnets[subnet]; s != nil {
		return uint64(len(s.ips))
	}
	return 0
}

// SegmentUsage returns how many ids of a segment range networks have, and how many are free; false if there is no such
// range.
func (c *Catalog) SegmentUsage(key Key) (used, available uint32, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	rec := c.state.records[key]
	if rec == nil {
		return 0, 0, false
	}
	f, ok := rec.facts.(*rangeFacts)
	if !ok {
		return 0, 0, false
	}
	used = c.state.numbering(f.space).taken.Count(f.numbers(f.ids))
	return used, uint32(f.ids.Last-f.ids.First) + 1 - used, true
}

// RegisterHost makes the Host resource of a host that has connected, unless it exists.
func (c *Catalog) RegisterHost(ctx context.Context, systemID string) error {
	if problem := nameProblem(systemID); problem != "" {
		return fmt.Errorf("the system-id cannot name a host: it %s", problem)
	}
	key := Key{Kind: KindHost, Name: systemID}
	if _, exists := c.Get(key); exists {
		return nil
	}
	_, err := c.transact(ctx, func(t *txn) error {
		if t.records[key] != nil {
			return nil
		}
		t.apply(t.parse([]*weftv1.Resource{{
			Kind: string(KindHost), Name: systemID, Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{}},
		}}))
		return t.err()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// marshal is how a resource is stored: without its revision, which is the store's.
func marshal(res *weftv1.Resource) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(res)
}
