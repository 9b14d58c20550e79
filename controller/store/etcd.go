package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	loadPage     = 5000 // keys per page of a Load
	loadAttempts = 5    // a Load that compaction overtakes begins again

	// namedCompares is the largest number of compares for which a failed transaction also reads the keys back, so that
	// the error can name the one that failed.
	namedCompares = 64
)

// etcd is the store over a client of etcd: in process for the embedded store, over the network for a cluster.
type etcd struct {
	cli     *clientv3.Client
	name    string // what error messages call this store
	prefix  string
	timeout time.Duration // of one request
	check   time.Duration // how often an idle watch looks whether the store went back in time

	// failed is closed when an embedded server stops working, and broken tells why. A cluster's is never closed.
	failed <-chan struct{}
	broken func() error

	life      context.Context // ends first thing in Close, and with it watches and requests under way
	end       context.CancelFunc
	closeOnce sync.Once
	release   func() error // what else Close closes
	closeErr  error
}

// watchCheck is how often an idle watch asks the store for its revision, unless told otherwise.
const watchCheck = 5 * time.Second

func newEtcd(cli *clientv3.Client, name, prefix string, timeout time.Duration) *etcd {
	life, end := context.WithCancel(context.Background())
	return &etcd{
		cli: cli, name: name, prefix: prefix, timeout: timeout, check: watchCheck,
		broken:  func() error { return nil },
		release: cli.Close,
		life:    life, end: end,
	}
}

// request is the context of one request to etcd: bounded in time, and over when the store is closed (etcd's client
// itself would go on trying for some seconds).
func (s *etcd) request(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// Load implements Store.
func (s *etcd) Load(ctx context.Context, prefix string) ([]KV, int64, error) {
	if err := s.alive(); err != nil {
		return nil, 0, s.wrap("load", err)
	}
	for attempt := 1; ; attempt++ {
		kvs, rev, err := s.loadOnce(ctx, prefix)
		if errors.Is(err, rpctypes.ErrCompacted) && attempt < loadAttempts {
			continue
		}
		if err != nil {
			return nil, 0, s.fail(ctx, "load", err)
		}
		return kvs, rev, nil
	}
}

// loadOnce reads page after page at the revision of the first page.
func (s *etcd) loadOnce(ctx context.Context, prefix string) ([]KV, int64, error) {
	from := s.prefix + prefix
	end := clientv3.GetPrefixRangeEnd(from)
	var kvs []KV
	var rev int64
	for {
		page, err := s.page(ctx, from, end, rev)
		if err != nil {
			return nil, 0, err
		}
		if rev == 0 {
			rev = page.Header.Revision
			kvs = make([]KV, 0, page.Count)
		}
		for _, kv := range page.Kvs {
			kvs = append(kvs, s.kv(kv))
		}
		if !page.More || len(page.Kvs) == 0 {
			return kvs, rev, nil
		}
		from = string(page.Kvs[len(page.Kvs)-1].Key) + "\x00"
	}
}

func (s *etcd) page(ctx context.Context, from, end string, rev int64) (*clientv3.GetResponse, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	return s.cli.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(loadPage), clientv3.WithRev(rev))
}

// kv converts a key of etcd to ours.
func (s *etcd) kv(kv *mvccpb.KeyValue) KV {
	return KV{
		Key:     strings.TrimPrefix(string(kv.Key), s.prefix),
		Value:   kv.Value,
		Rev:     kv.ModRevision,
		Created: kv.CreateRevision,
	}
}

// Txn implements Store.
func (s *etcd) Txn(ctx context.Context, compares []Compare, ops []Op) (int64, error) {
	if err := s.alive(); err != nil {
		return 0, s.wrap("transaction", err)
	}
	if err := checkTxn(compares, ops); err != nil {
		return 0, s.wrap("transaction", s.flags(err))
	}
	ifs := make([]clientv3.Cmp, len(compares))
	for i, c := range compares {
		ifs[i] = clientv3.Compare(clientv3.ModRevision(s.prefix+c.Key), "=", c.Rev)
	}
	thens := make([]clientv3.Op, len(ops))
	for i, op := range ops {
		if op.Value == nil {
			thens[i] = clientv3.OpDelete(s.prefix + op.Key)
		} else {
			thens[i] = clientv3.OpPut(s.prefix+op.Key, string(op.Value))
		}
	}
	ctx, cancel := s.request(ctx)
	defer cancel()
	txn := s.cli.Txn(ctx).If(ifs...).Then(thens...)
	if len(compares) <= namedCompares {
		txn = txn.Else(s.reads(compares)...)
	}
	resp, err := txn.Commit()
	if err != nil {
		return 0, s.fail(ctx, "transaction", err)
	}
	if !resp.Succeeded {
		return 0, s.wrap("transaction", conflict(compares, resp.Responses))
	}
	return resp.Header.Revision, nil
}

// reads asks for the revisions of the compared keys.
func (s *etcd) reads(compares []Compare) []clientv3.Op {
	ops := make([]clientv3.Op, len(compares))
	for i, c := range compares {
		ops[i] = clientv3.OpGet(s.prefix+c.Key, clientv3.WithKeysOnly())
	}
	return ops
}

// conflict finds the first compare that failed.
func conflict(compares []Compare, found []*etcdserverpb.ResponseOp) error {
	for i, r := range found {
		var have int64
		if kvs := r.GetResponseRange().GetKvs(); len(kvs) > 0 {
			have = kvs[0].ModRevision
		}
		if have != compares[i].Rev {
			return &ConflictError{Key: compares[i].Key, Want: compares[i].Rev, Have: have}
		}
	}
	return &ConflictError{}
}

// Compact implements Store.
func (s *etcd) Compact(ctx context.Context, rev int64) error {
	if err := s.alive(); err != nil {
		return s.wrap("compact", err)
	}
	ctx, cancel := s.request(ctx)
	defer cancel()
	_, err := s.cli.Compact(ctx, rev)
	if err == nil || errors.Is(err, rpctypes.ErrCompacted) {
		return nil
	}
	return s.fail(ctx, "compact", err)
}

// Close implements Store.
func (s *etcd) Close() error {
	s.closeOnce.Do(func() {
		s.end()
		if err := s.release(); err != nil && !errors.Is(err, context.Canceled) {
			s.closeErr = s.wrap("close", err)
		}
	})
	return s.closeErr
}

func (s *etcd) closed() bool { return s.life.Err() != nil }

// alive fails at once where etcd's client would try for a while.
func (s *etcd) alive() error {
	if s.closed() {
		return ErrClosed
	}
	if cause := s.broken(); cause != nil {
		return fmt.Errorf("%w: the embedded store stopped: %w", ErrUnavailable, cause)
	}
	return nil
}
