package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/store"
)

// patience bounds every wait of the suite.
const patience = 30 * time.Second

// Run tells all stories. open makes an empty store, closed by the suite.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	stories := []struct {
		name string
		tell func(t *testing.T, s store.Store)
	}{
		{"write and read back", writeAndRead},
		{"load is by prefix and sorted", loadByPrefix},
		{"compare decides", compareDecides},
		{"what changes nothing makes no revision", noChangeNoRevision},
		{"wrong calls are refused", wrongCalls},
		{"too large a transaction is refused", tooLarge},
		{"racing writers count right", racingWriters},
		{"a large transaction is one batch", largeBatch},
		{"watch from an old revision", watchFromOldRevision},
		{"watch sees its prefix only", watchPrefix},
		{"watch is refused where it cannot begin", watchRefused},
		{"compaction while watching", compactionWhileWatching},
		{"leaving a watch ends it", leaveWatch},
		{"follow sees every change", followSeesAll},
		{"a handler's error ends follow", followRefused},
		{"a deadline is an unavailable store", deadline},
		{"backup and restore", backupAndRestore},
		{"restore of 20,000 keys", restoreMany},
		{"restore refuses what is not whole", restoreRefuses},
		{"close ends everything", closeEnds},
	}
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() { _ = s.Close() })
			story.tell(t, s)
		})
	}
}

// within is a context that ends the story when it hangs.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// write runs a transaction that must succeed.
func write(t *testing.T, s store.Store, ops ...store.Op) int64 {
	t.Helper()
	rev, err := s.Txn(within(t), nil, ops)
	if err != nil {
		t.Fatalf("Txn: %v", err)
	}
	return rev
}

// load reads a prefix that must be readable.
func load(t *testing.T, s store.Store, prefix string) ([]store.KV, int64) {
	t.Helper()
	kvs, rev, err := s.Load(within(t), prefix)
	if err != nil {
		t.Fatalf("Load(%q): %v", prefix, err)
	}
	return kvs, rev
}

// contents is what a store holds, for comparing.
func contents(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	kvs, _ := load(t, s, "")
	return values(kvs)
}

func values(kvs []store.KV) map[string]string {
	m := make(map[string]string, len(kvs))
	for _, kv := range kvs {
		m[kv.Key] = string(kv.Value)
	}
	return m
}
