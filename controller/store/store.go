package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// DefaultPrefix is put before every key inside etcd, so that a cluster may be shared with other programs.
const DefaultPrefix = "/weft/v1/"

// MaxOps and MaxBytes are the largest transaction of the embedded and the in-memory store. An etcd cluster needs the
// same of its flags --max-txn-ops and --max-request-bytes, whose defaults (128 and 1.5 MiB) are too small for Weft.
const (
	MaxOps   = 1 << 17
	MaxBytes = 64 << 20
)

// KV is one key as stored.
//
// Invariant: Value is shared with the store and with other readers; it is never written to.
type KV struct {
	Key     string
	Value   []byte
	Rev     int64 // revision that wrote the key last
	Created int64 // revision that made the key
}

// Op is one write of a transaction.
type Op struct {
	Key   string
	Value []byte // nil deletes the key
}

// Put writes value under key; an empty value is a value.
func Put(key string, value []byte) Op {
	if value == nil {
		value = []byte{}
	}
	return Op{Key: key, Value: value}
}

// Delete removes key; a key that is not there is no error and makes no event.
func Delete(key string) Op { return Op{Key: key} }

// Compare is one condition of a transaction: the key was last written at Rev, or does not exist when Rev is 0.
type Compare struct {
	Key string
	Rev int64
}

// Event is one change of a key. For a deletion Value is nil, Created is 0 and Rev is the revision that deleted.
type Event struct {
	KV
	Deleted bool
}

// Batch is everything one revision changed under the watched prefix, in the order the transaction wrote it.
type Batch struct {
	Rev    int64
	Events []Event
	// Progress marks a batch without events: all events up to Rev have been delivered.
	Progress bool
}

// Store is a revisioned key-value store. Every transaction that changes something raises the revision by one.
//
// Keys never contain the store's own prefix. All methods may be called from any goroutine.
type Store interface {
	// Load returns all keys that begin with prefix, sorted, as they were at revision rev. It may be paged inside but is
	// one consistent snapshot.
	Load(ctx context.Context, prefix string) (kvs []KV, rev int64, err error)

	// Txn applies all ops if all compares hold, and returns the revision they became visible at; otherwise nothing is
	// written and the error is ErrConflict. A key may be written once per transaction.
	//
	// ErrUnavailable after a deadline means *not known*: the transaction may have been applied or may still be. Callers
	// compare a key that every one of their transactions rewrites (Weft's is meta/head): the retry of an applied
	// transaction then ends in ErrConflict, and a reload tells which of the two happened.
	Txn(ctx context.Context, compares []Compare, ops []Op) (rev int64, err error)

	// Watch yields every change under prefix from revision from (>= 1, at most one above the current revision) on. It
	// survives reconnects by itself. It ends with one error: a *CompactedError when from or what follows it is no
	// longer stored, ErrLost when the changes cannot be followed (load again), ErrClosed, or the context's error. The
	// loop body runs in the caller's goroutine; leaving the loop ends the watch.
	Watch(ctx context.Context, prefix string, from int64) iter.Seq2[Batch, error]

	// Compact forgets what lies before rev. Compacting what is already compacted is no error.
	Compact(ctx context.Context, rev int64) error

	// Close ends all watches with ErrClosed and releases the store. Calls after it fail with ErrClosed.
	Close() error
}

// Get reads one key. A missing key is (KV{}, false, rev, nil).
func Get(ctx context.Context, s Store, key string) (kv KV, found bool, rev int64, err error) {
	kvs, rev, err := s.Load(ctx, key)
	if err != nil {
		return KV{}, false, 0, err
	}
	// The key itself sorts before every longer key that begins with it.
	if len(kvs) > 0 && kvs[0].Key == key {
		return kvs[0], true, rev, nil
	}
	return KV{}, false, rev, nil
}

// Diff says what changed between what a reader knows (key to revision, KV.Rev) and a snapshot it was handed: the keys
// written since, and the keys that are gone.
func Diff(known map[string]int64, snapshot []KV) (changed []KV, gone []string) {
	same := 0
	present := make(map[string]struct{}, len(snapshot))
	for _, kv := range snapshot {
		present[kv.Key] = struct{}{}
		rev, ok := known[kv.Key]
		if ok {
			same++
		}
		// Not "newer than": after a restore into a fresh cluster revisions begin again.
		if !ok || rev != kv.Rev {
			changed = append(changed, kv)
		}
	}
	if same == len(known) {
		return changed, nil
	}
	for key := range known {
		if _, ok := present[key]; !ok {
			gone = append(gone, key)
		}
	}
	return changed, gone
}

// checkTxn refuses what etcd would refuse, with the same error in every implementation.
func checkTxn(compares []Compare, ops []Op) error {
	for _, c := range compares {
		if c.Key == "" {
			return fmt.Errorf("%w: a compare has an empty key", ErrInvalid)
		}
	}
	seen := make(map[string]struct{}, len(ops))
	bytes := 0
	for _, op := range ops {
		if op.Key == "" {
			return fmt.Errorf("%w: an operation has an empty key", ErrInvalid)
		}
		if _, twice := seen[op.Key]; twice {
			return fmt.Errorf("%w: key %q is written twice in one transaction", ErrInvalid, op.Key)
		}
		seen[op.Key] = struct{}{}
		bytes += len(op.Key) + len(op.Value)
	}
	if n := max(len(compares), len(ops)); n > MaxOps {
		return fmt.Errorf("%w: %d operations, at most %d", ErrTooLarge, n, MaxOps)
	}
	if bytes > MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, bytes, MaxBytes)
	}
	return nil
}

// checkPrefix refuses a namespace that would let two stores see each other's keys.
func checkPrefix(prefix string) (string, error) {
	if prefix == "" {
		return DefaultPrefix, nil
	}
	if !strings.HasSuffix(prefix, "/") {
		return "", errors.New("store prefix " + fmt.Sprintf("%q", prefix) + " must end with a slash")
	}
	return prefix, nil
}
