package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

func openTest(t testing.TB, cfg EmbeddedConfig) *etcd {
	t.Helper()
	s, err := OpenEmbedded(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.(*etcd)
}

func mustPut(t testing.TB, s Store, key, value string) int64 {
	t.Helper()
	rev, err := s.Txn(t.Context(), nil, []Op{Put(key, []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// sockets lists what this process listens on, TCP and unix.
func sockets(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("ss", "-Hlnpt").Output()
	if err != nil {
		t.Fatal(err)
	}
	unix, err := exec.Command("ss", "-Hlnpx").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mine []string
	for line := range strings.Lines(string(out) + string(unix)) {
		if strings.Contains(line, fmt.Sprintf("pid=%d,", os.Getpid())) {
			mine = append(mine, line)
		}
	}
	return strings.Join(mine, "")
}

func TestEmbeddedListensNowhere(t *testing.T) {
	before := sockets(t)
	s := openTest(t, EmbeddedConfig{Dir: t.TempDir()})
	mustPut(t, s, "a", "1")
	if after := sockets(t); after != before {
		t.Errorf("listening sockets before:\n%s\nand with the store:\n%s", before, after)
	}
}

// TestEmbeddedRestart: data, revisions and history are there again.
func TestEmbeddedRestart(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, EmbeddedConfig{Dir: dir})
	first := mustPut(t, s, "a", "1")
	for i := range 3000 { // more than SnapshotCount
		mustPut(t, s, "b", fmt.Sprint(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, EmbeddedConfig{Dir: dir})
	kvs, rev, err := s.Load(t.Context(), "")
	if err != nil || len(kvs) != 2 || rev != first+3000 || kvs[0].Rev != first {
		t.Fatalf("after the restart: %v at %d, %v", kvs, rev, err)
	}
	n := 0
	for b, err := range s.Watch(t.Context(), "", first) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; b.Rev == rev {
			break
		}
	}
	if n != 3001 {
		t.Errorf("%d revisions of history, want 3001", n)
	}
	if got := mustPut(t, s, "c", ""); got != rev+1 {
		t.Errorf("revision %d after %d", got, rev)
	}
}

func TestEmbeddedLocked(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, EmbeddedConfig{Dir: dir})
	_, err := OpenEmbedded(t.Context(), EmbeddedConfig{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("opened twice: %v", err)
	}
	mustPut(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, EmbeddedConfig{Dir: dir})
}

func TestEmbeddedUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"below a file": filepath.Join(file, "dir"), "in /proc": "/proc/weft"} {
		_, err := OpenEmbedded(t.Context(), EmbeddedConfig{Dir: dir})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("store directory %q cannot be made", dir)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenEmbedded(t.Context(), EmbeddedConfig{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no directory: %v", err)
	}
}

// TestEmbeddedDamaged: whatever is broken, an error names the directory and what to do, and the process lives.
func TestEmbeddedDamaged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, member string){
		"database overwritten": func(t *testing.T, member string) {
			overwrite(t, filepath.Join(member, "snap", "db"), 0, 64<<10)
		},
		"database cut": func(t *testing.T, member string) {
			if err := os.Truncate(filepath.Join(member, "snap", "db"), 5000); err != nil {
				t.Fatal(err)
			}
		},
		"log overwritten":        func(t *testing.T, member string) { overwrite(t, firstLog(t, member), 200, 400) },
		"end of log overwritten": func(t *testing.T, member string) { overwrite(t, firstLog(t, member), 2600, 3000) },
		"log missing": func(t *testing.T, member string) {
			if err := os.Remove(firstLog(t, member)); err != nil {
				t.Fatal(err)
			}
		},
		"log is a directory": func(t *testing.T, member string) {
			log := firstLog(t, member)
			if err := errors.Join(os.Remove(log), os.Mkdir(log, 0o700)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openTest(t, EmbeddedConfig{Dir: dir})
			for i := range 20 {
				mustPut(t, s, fmt.Sprint(i), strings.Repeat("x", 100))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, filepath.Join(dir, "etcd", "member"))
			s2, err := OpenEmbedded(t.Context(), EmbeddedConfig{Dir: dir, StartTimeout: 10 * time.Second})
			if err == nil {
				_ = s2.Close()
			}
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("opened with: %v", err)
			}
			t.Log(err)
		})
	}
}

func firstLog(t *testing.T, member string) string {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(member, "wal", "*.wal"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no log: %v", err)
	}
	return logs[0]
}

func overwrite(t *testing.T, file string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, n), at); err != nil {
		t.Fatal(err)
	}
}

// TestEmbeddedSlowDisk holds what etcd holds while its disk does not answer.
func TestEmbeddedSlowDisk(t *testing.T) {
	cfg := EmbeddedConfig{Dir: t.TempDir()}
	server := startForTest(t, cfg)
	s := server.store
	rev := mustPut(t, s, "a", "1")
	release := server.stall()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Txn(ctx, []Compare{{Key: "a", Rev: rev}}, []Op{Put("a", []byte("2"))})
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("Txn: %v, want ErrUnavailable", err)
	}
	release()
	// The transaction was in the log, so it is applied now: the retry conflicts, which is how the caller finds out.
	_, err = s.Txn(t.Context(), []Compare{{Key: "a", Rev: rev}}, []Op{Put("a", []byte("2"))})
	if !errors.Is(err, ErrConflict) {
		t.Errorf("retry: %v, want ErrConflict", err)
	}
	if kv, _, _, err := Get(t.Context(), s, "a"); err != nil || string(kv.Value) != "2" {
		t.Errorf("a is %q, %v", kv.Value, err)
	}
}

type testServer struct {
	store *etcd
	etcd  *embed.Etcd
}

// startForTest is OpenEmbedded with a hand on the server.
func startForTest(t *testing.T, cfg EmbeddedConfig) testServer {
	t.Helper()
	if err := cfg.validate(); err != nil {
		t.Fatal(err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	core := newZap(cfg.Log)
	e, err := startServer(t.Context(), cfg, core)
	if err != nil {
		t.Fatal(err)
	}
	s := embeddedStore(cfg, e, core, lock)
	t.Cleanup(func() { _ = s.Close() })
	return testServer{store: s, etcd: e}
}

// stall keeps etcd from writing to its database.
func (s testServer) stall() (release func()) {
	tx := s.etcd.Server.Backend().BatchTx()
	tx.Lock()
	return tx.Unlock
}

// TestEmbeddedFails: when etcd gives up at run time, calls and watches say so, and Close returns.
func TestEmbeddedFails(t *testing.T) {
	cfg := EmbeddedConfig{Dir: t.TempDir()}
	server := startForTest(t, cfg)
	s := server.store
	rev := mustPut(t, s, "a", "1")
	gone := make(chan struct{})
	go func() { // as one of etcd's goroutines does when the disk returns an error
		defer close(gone)
		server.etcd.GetLogger().Fatal("failed to save", zap.Error(fs.ErrInvalid))
	}()
	<-gone
	if _, err := s.Txn(t.Context(), nil, []Op{Put("a", nil)}); !errors.Is(err, ErrUnavailable) || !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Txn: %v, want ErrUnavailable and the cause", err)
	}
	for _, err := range s.Watch(t.Context(), "", rev+1) {
		if !errors.Is(err, ErrLost) || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Watch: %v, want ErrLost and the cause", err)
		}
	}
}

// TestEmbeddedProgress: an idle watch hears that it missed nothing.
func TestEmbeddedProgress(t *testing.T) {
	s := openTest(t, EmbeddedConfig{Dir: t.TempDir(), ProgressInterval: 100 * time.Millisecond})
	rev := mustPut(t, s, "elsewhere/a", "1")
	rev = mustPut(t, s, "elsewhere/b", fmt.Sprint(rev))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for b, err := range s.Watch(ctx, "here/", 1) {
		if err != nil {
			t.Fatal(err)
		}
		if !b.Progress || len(b.Events) != 0 {
			t.Fatalf("got %+v", b)
		}
		if b.Rev == rev {
			return
		}
	}
}
