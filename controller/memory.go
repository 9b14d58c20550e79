package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/table"
)

const (
	memoryPrefix    = "o/"
	hostPrefix      = memoryPrefix + "host/"
	interfacePrefix = memoryPrefix + "if/"
	rowPrefix       = memoryPrefix + "row/" // and the table's name

	memoryBatch = 1000 // most keys in one transaction
	memoryRetry = time.Second
)

// memory stores what hosts reported. Without it, a controller that restarts would not know where the ports of other hosts
// are until those hosts have connected, and would take their flows away.
//
// It writes behind: what is lost in a crash is what changed in the last milliseconds, and the host reports it again when it
// connects.
type memory struct {
	log   *logrus.Entry
	store store.Store
	wake  chan struct{} // capacity 1

	recallers map[string]func(value []byte) error // of tables that are remembered, by name
	loading   bool                                // what rows change now is what was read

	mu    sync.Mutex
	dirty map[string][]byte // by key; nil: delete
}

// rememberedInterface is the stored form of an interface.
type rememberedInterface struct {
	IfaceID string `json:"ifaceId"`
	OFPort  uint32 `json:"ofport"`
	Seq     uint64 `json:"seq"`
	MTU     uint32 `json:"mtu,omitempty"`
}

func newMemory(s store.Store, log *logrus.Entry) *memory {
	return &memory{log: log, store: s, wake: make(chan struct{}, 1), dirty: map[string][]byte{}, recallers: map[string]func([]byte) error{}}
}

func (m *memory) set(key string, value any) {
	var data []byte
	if value != nil {
		var err error
		if data, err = json.Marshal(value); err != nil {
			m.log.WithError(err).WithField("key", key).Error("cannot be remembered")
			return
		}
	}
	m.mu.Lock()
	m.dirty[key] = data
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *memory) observed(host string, o observedHost) { m.set(hostPrefix+host, o) }
func (m *memory) forgotten(host string)                { m.set(hostPrefix+host, nil) }

func (m *memory) plugged(i intent.Interface) {
	m.set(interfaceKey(i.Key), rememberedInterface{i.IfaceID, i.OFPort, i.Seq, i.MTU})
}
func (m *memory) unplugged(k intent.InterfaceKey) { m.set(interfaceKey(k), nil) }

func interfaceKey(k intent.InterfaceKey) string { return interfacePrefix + k.Host + "/" + k.Name }

// remember has the rows of a table outlive a restart, each as JSON. Rows that apps observe need nothing else.
func remember[K comparable, R any](m *memory, t *table.Table[K, R]) {
	m.recallers[t.Name()] = func(value []byte) error {
		var row R
		if err := json.Unmarshal(value, &row); err != nil {
			return err
		}
		t.Put(row)
		return nil
	}
	t.Watch(func(k K) {
		if m.loading {
			return
		}
		key := rowPrefix + t.Name() + "/" + t.Text(k)
		if row, ok := t.Peek(k); ok {
			m.set(key, row)
		} else {
			m.set(key, nil)
		}
	})
}

// load reads everything that is remembered into the world.
func (m *memory) load(ctx context.Context, w *world) error {
	kvs, _, err := m.store.Load(ctx, memoryPrefix)
	if err != nil {
		return fmt.Errorf("remembered hosts: %w", err)
	}
	m.loading = true
	defer func() { m.loading = false }()
	for _, kv := range kvs {
		if err := m.recall(w, kv); err != nil {
			m.log.WithError(err).WithField("key", kv.Key).Warn("forgot something about a host, which will report it again")
		}
	}
	return nil
}

func (m *memory) recall(w *world, kv store.KV) error {
	if rest, ok := strings.CutPrefix(kv.Key, rowPrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		if put := m.recallers[name]; put != nil {
			return put(kv.Value)
		}
		return fmt.Errorf("no table %q is remembered", name)
	}
	if name, ok := strings.CutPrefix(kv.Key, hostPrefix); ok {
		h := w.host(name)
		return json.Unmarshal(kv.Value, &h.observed)
	}
	rest, ok := strings.CutPrefix(kv.Key, interfacePrefix)
	host, name, found := strings.Cut(rest, "/")
	if !ok || !found {
		return errors.New("the key is of no known kind")
	}
	var r rememberedInterface
	if err := json.Unmarshal(kv.Value, &r); err != nil {
		return err
	}
	key := intent.InterfaceKey{Host: host, Name: name}
	w.tables.Interfaces.Put(intent.Interface{Key: key, IfaceID: r.IfaceID, OFPort: r.OFPort, Seq: r.Seq, MTU: r.MTU})
	w.host(host).plugged[key] = struct{}{}
	w.seq = max(w.seq, r.Seq)
	return nil
}

// run writes what changes, until ctx ends; then it writes what is left.
func (m *memory) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), memoryRetry)
			defer cancel()
			m.flush(last)
			return
		case <-m.wake:
		}
		for !m.flush(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(memoryRetry):
			}
		}
	}
}

// flush writes all that is dirty, and tells whether that went well.
func (m *memory) flush(ctx context.Context) bool {
	for {
		batch := m.take()
		if len(batch) == 0 {
			return true
		}
		ops := make([]store.Op, 0, len(batch))
		for key, value := range batch {
			ops = append(ops, store.Op{Key: key, Value: value})
		}
		if _, err := m.store.Txn(ctx, nil, ops); err != nil {
			m.log.WithError(err).Warn("could not store what hosts report; trying again")
			m.giveBack(batch)
			return false
		}
	}
}

func (m *memory) take() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := make(map[string][]byte, min(len(m.dirty), memoryBatch))
	for key, value := range m.dirty {
		if len(batch) == memoryBatch {
			break
		}
		batch[key] = value
		delete(m.dirty, key)
	}
	return batch
}

// giveBack returns what could not be written, but for what has changed again meanwhile.
func (m *memory) giveBack(batch map[string][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, value := range batch {
		if _, newer := m.dirty[key]; !newer {
			m.dirty[key] = value
		}
	}
}
