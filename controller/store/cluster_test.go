package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/store/storetest"
)

// opener gives every story an etcd server of its own: compaction and revisions are the whole server's.
func opener(opt storetest.EtcdOptions) func(t *testing.T) store.Store {
	return func(t *testing.T) store.Store { return storetest.StartEtcd(t, opt).Open(t, "") }
}

func TestCluster(t *testing.T) {
	storetest.Run(t, opener(storetest.EtcdOptions{}))
}

func TestClusterTLS(t *testing.T) {
	storetest.Run(t, opener(storetest.EtcdOptions{Certs: storetest.NewCerts(t)}))
}

func TestClusterPassword(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		e := storetest.StartEtcd(t, storetest.EtcdOptions{})
		enableAuth(t, e)
		s, err := store.OpenCluster(t.Context(), store.ClusterConfig{
			Endpoints: []string{e.Endpoint}, Username: "weft", Password: "secret",
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// enableAuth makes a user that may touch Weft's keys and nothing else.
func enableAuth(t *testing.T, e *storetest.Etcd) {
	t.Helper()
	cli := e.Client(t, "", "")
	ctx := t.Context()
	if err := errors.Join( // evaluated in this order
		second(cli.RoleAdd(ctx, "root")),
		second(cli.UserAdd(ctx, "root", "rootpw")),
		second(cli.UserGrantRole(ctx, "root", "root")),
		second(cli.RoleAdd(ctx, "weft")),
		second(cli.RoleGrantPermission(ctx, "weft", store.DefaultPrefix,
			clientv3.GetPrefixRangeEnd(store.DefaultPrefix), clientv3.PermissionType(clientv3.PermReadWrite))),
		second(cli.UserAdd(ctx, "weft", "secret")),
		second(cli.UserGrantRole(ctx, "weft", "weft")),
		second(cli.UserAdd(ctx, "stranger", "secret")),
		second(cli.AuthEnable(ctx)),
	); err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestOpenClusterErrors: sentences an operator can act on.
func TestOpenClusterErrors(t *testing.T) {
	plain := storetest.StartEtcd(t, storetest.EtcdOptions{})
	enableAuth(t, plain)
	secure := storetest.StartEtcd(t, storetest.EtcdOptions{Certs: storetest.NewCerts(t)})
	other := storetest.NewCerts(t)
	strangersCert := secure.Certs.Client()
	strangersCert.Certificates = other.Client().Certificates
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for name, c := range map[string]struct {
		cfg  store.ClusterConfig
		is   error
		says string
	}{
		"no endpoint":    {store.ClusterConfig{}, store.ErrInvalid, "no etcd endpoint"},
		"no port":        {store.ClusterConfig{Endpoints: []string{"http://host"}}, store.ErrInvalid, "missing port"},
		"odd scheme":     {store.ClusterConfig{Endpoints: []string{"ftp://host:1"}}, store.ErrInvalid, "neither http nor https"},
		"odd prefix":     {store.ClusterConfig{Endpoints: []string{plain.Endpoint}, Prefix: "/a"}, store.ErrInvalid, "slash"},
		"TLS left out":   {store.ClusterConfig{Endpoints: []string{secure.Endpoint}}, store.ErrInvalid, "needs TLS"},
		"nobody there":   {store.ClusterConfig{Endpoints: []string{"http://127.0.0.1:1"}}, store.ErrUnavailable, "connection refused"},
		"mute":           {store.ClusterConfig{Endpoints: []string{mute.Addr().String()}}, store.ErrUnavailable, "does not answer"},
		"no user":        {store.ClusterConfig{Endpoints: []string{plain.Endpoint}}, store.ErrDenied, "wants a user name"},
		"wrong password": {store.ClusterConfig{Endpoints: []string{plain.Endpoint}, Username: "weft", Password: "x"}, store.ErrDenied, `user "weft"`},
		"no permission":  {store.ClusterConfig{Endpoints: []string{plain.Endpoint}, Username: "stranger", Password: "secret"}, store.ErrDenied, "permission denied"},
		"wrong CA":       {store.ClusterConfig{Endpoints: []string{secure.Endpoint}, TLS: other.Client()}, store.ErrUnavailable, "check the CA file"},
		"no certificate": {store.ClusterConfig{Endpoints: []string{secure.Endpoint}, TLS: secure.Certs.Stranger()}, store.ErrUnavailable, "refuses our certificate"},
		"stranger":       {store.ClusterConfig{Endpoints: []string{secure.Endpoint}, TLS: strangersCert}, store.ErrUnavailable, "refuses our certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.DialTimeout = time.Second
			s, err := store.OpenCluster(t.Context(), c.cfg)
			if err == nil {
				_ = s.Close()
			}
			if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got:  %v\nwant: %v … %s", err, c.is, c.says)
			}
		})
	}
}

// TestTooLargeForCluster: a server with etcd's own limits says which flags it needs.
func TestTooLargeForCluster(t *testing.T) {
	s := storetest.StartEtcd(t, storetest.EtcdOptions{Flags: []string{"--max-txn-ops=128", "--max-request-bytes=1572864"}}).Open(t, "")
	var many []store.Op
	for i := range 129 {
		many = append(many, store.Put(fmt.Sprint(i), nil))
	}
	for name, ops := range map[string][]store.Op{
		"operations": many,
		"bytes":      {store.Put("a", make([]byte, 2<<20))},
		"message":    {store.Put("a", make([]byte, 32<<20))},
	} {
		_, err := s.Txn(t.Context(), nil, ops)
		if !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), "--max-txn-ops=131072 --max-request-bytes=67108864") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPrefixesApart: two stores on one cluster do not see each other.
func TestPrefixesApart(t *testing.T) {
	e := storetest.StartEtcd(t, storetest.EtcdOptions{})
	a, b := e.Open(t, "/a/"), e.Open(t, "/b/")
	if _, err := a.Txn(t.Context(), nil, []store.Op{store.Put("k", []byte("a"))}); err != nil {
		t.Fatal(err)
	}
	if kvs, _, err := b.Load(t.Context(), ""); err != nil || len(kvs) != 0 {
		t.Errorf("b sees %v, %v", kvs, err)
	}
	resp, err := e.Client(t, "", "").Get(t.Context(), "/a/k")
	if err != nil || len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != "a" {
		t.Errorf("etcd has %v, %v", resp, err)
	}
}

// TestFollowAcrossKilledEtcd kills the server again and again under a writer: nothing acknowledged is lost, and the
// follower ends up with what is stored, without being told a revision twice.
func TestFollowAcrossKilledEtcd(t *testing.T) {
	e := storetest.StartEtcd(t, storetest.EtcdOptions{})
	s := e.Open(t, "")
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	w := startWriter(t, s)
	for range 4 {
		w.mustProgress(t)
		e.Kill()
		e.Start(t)
	}
	w.mustProgress(t)
	w.stop()
	w.mustHaveKept(t, s)
	m.MustShow(t, s)
}

// TestFrozenDisk: a server that does not answer makes calls fail at their deadline, and nothing is lost.
func TestFrozenDisk(t *testing.T) {
	e := storetest.StartEtcd(t, storetest.EtcdOptions{})
	s := e.Open(t, "")
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put("a", []byte("1"))}); err != nil {
		t.Fatal(err)
	}
	m.MustShow(t, s)
	thaw := e.Freeze(t)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Txn(ctx, nil, []store.Op{store.Put("a", []byte("2"))}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Txn: %v, want ErrUnavailable", err)
	}
	if got := m.Contents()["a"]; got != "1" {
		t.Errorf("the follower shows %q, want what it knew", got)
	}
	thaw()
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put("b", nil)}); err != nil {
		t.Fatal(err)
	}
	m.MustShow(t, s)
}

// TestClusterReplaced: the server comes back with other data and lower revisions, as after restoring a snapshot. The
// follower notices and is handed a snapshot, though its watch would wait for ever.
func TestClusterReplaced(t *testing.T) {
	old := storetest.StartEtcd(t, storetest.EtcdOptions{})
	var backend atomic.Pointer[string]
	backend.Store(&old.Endpoint)
	proxy := startProxy(t, &backend)
	s, err := store.OpenCluster(t.Context(), store.ClusterConfig{
		Endpoints: []string{proxy.addr()}, WatchCheck: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 50 {
		if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(fmt.Sprint(i), nil)}); err != nil {
			t.Fatal(err)
		}
	}
	m := storetest.NewMirror()
	m.Follow(t, s, "")
	m.MustShow(t, s)
	fresh := storetest.StartEtcd(t, storetest.EtcdOptions{})
	if _, err := fresh.Open(t, "").Txn(t.Context(), nil, []store.Op{store.Put("new", nil)}); err != nil {
		t.Fatal(err)
	}
	backend.Store(&fresh.Endpoint)
	proxy.cut()
	m.MustShow(t, s)
	if lost := m.Lasts(); len(lost) == 0 || !errors.Is(lost[len(lost)-1], store.ErrLost) {
		t.Errorf("the follower was told %v, want ErrLost", lost)
	}
}
