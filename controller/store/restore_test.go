package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cutShort is a store whose nth transaction and all after it fail.
type cutShort struct {
	Store
	left int
}

func (c *cutShort) Txn(ctx context.Context, compares []Compare, ops []Op) (int64, error) {
	if c.left--; c.left < 0 {
		return 0, ErrUnavailable
	}
	return c.Store.Txn(ctx, compares, ops)
}

// TestRestoreInSteps: a backup too large for one transaction, cut short after each of them, and then run again.
func TestRestoreInSteps(t *testing.T) {
	var want []KV
	for i := range MaxOps + 100 {
		want = append(want, KV{Key: fmt.Sprintf("r/%06d", i), Value: []byte("v")})
	}
	var raw bytes.Buffer
	if err := writeBackup(&raw, want, 7); err != nil {
		t.Fatal(err)
	}
	for left := range 5 {
		s := NewMemory()
		mustPut(t, s, "old", "")
		err := Restore(t.Context(), &cutShort{s, left}, bytes.NewReader(raw.Bytes()), RestoreOptions{Replace: true})
		if done := left >= 4; (err == nil) != done { // the mark, two parts, the mark again
			t.Fatalf("with %d transactions: %v", left, err)
		}
		if left > 0 && err != nil {
			if err := Backup(t.Context(), s, &bytes.Buffer{}); err == nil {
				t.Errorf("with %d transactions: half a restore was backed up", left)
			}
		}
		err = Restore(t.Context(), s, bytes.NewReader(raw.Bytes()), RestoreOptions{Replace: left == 0})
		if left > 0 && left < 4 && err != nil {
			t.Fatalf("with %d transactions, and again: %v", left, err)
		}
		kvs, _, _ := s.Load(t.Context(), "")
		if left > 0 && len(kvs) != len(want) {
			t.Errorf("%d keys, want %d", len(kvs), len(want))
		}
	}
}

// TestRestoreRace: somebody writes between the restore's read and its write.
func TestRestoreRace(t *testing.T) {
	var raw bytes.Buffer
	if err := writeBackup(&raw, []KV{{Key: "head", Value: []byte("backup")}}, 7); err != nil {
		t.Fatal(err)
	}
	s := NewMemory()
	mustPut(t, s, "head", "0")
	racing := &writesBetween{Store: s, t: t}
	if err := Restore(t.Context(), racing, &raw, RestoreOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	kvs, _, _ := s.Load(t.Context(), "")
	if len(kvs) != 1 || string(kvs[0].Value) != "backup" {
		t.Errorf("got %v", kvs)
	}
}

// writesBetween lets another writer in before the first transaction.
type writesBetween struct {
	Store
	t    *testing.T
	done bool
}

func (w *writesBetween) Txn(ctx context.Context, compares []Compare, ops []Op) (int64, error) {
	if !w.done {
		w.done = true
		if _, err := w.Store.Txn(ctx, nil, []Op{Put("head", []byte("1")), Put("r/new", nil)}); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.Store.Txn(ctx, compares, ops)
}

func TestSplit(t *testing.T) {
	var steps []step
	for _, size := range []int{10, 10, 10, 50, 1, 1, 1, 1} {
		steps = append(steps, step{op: Put("", make([]byte, size))})
	}
	var got []int
	for _, part := range split(steps, 3, 30) {
		got = append(got, len(part))
	}
	if want := []int{3, 1, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("parts of %v steps, want %v", got, want)
	}
}

func TestBackupVersion(t *testing.T) {
	raw := append([]byte(backupMagic), 2)
	_, _, err := decodeBackup(bytes.NewReader(raw))
	if !errors.Is(err, ErrBadBackup) || !bytes.Contains([]byte(err.Error()), []byte("version 2, this program knows version 1")) {
		t.Errorf("got %v", err)
	}
}

// FuzzDecodeBackup: no panic, no allocation out of proportion, and what is accepted is exactly what would be written.
func FuzzDecodeBackup(f *testing.F) {
	for _, kvs := range [][]KV{nil, {{Key: "a"}}, {{Key: "a", Value: []byte("1")}, {Key: "b/c", Value: make([]byte, 300)}}} {
		var buf bytes.Buffer
		if err := writeBackup(&buf, kvs, 42); err != nil {
			f.Fatal(err)
		}
		f.Add(buf.Bytes())
		f.Add(buf.Bytes()[:buf.Len()/2])
	}
	f.Add(append([]byte(backupMagic), 1, 1, 1, 'k', 0xff, 0xff, 0xff, 0x1f)) // a value of 64 MiB that is not there
	f.Fuzz(func(t *testing.T, raw []byte) {
		kvs, rev, err := decodeBackup(bytes.NewReader(raw))
		if err != nil {
			if !errors.Is(err, ErrBadBackup) {
				t.Fatalf("error %v", err)
			}
			return
		}
		var again bytes.Buffer
		if err := writeBackup(&again, kvs, rev); err != nil {
			t.Fatal(err)
		}
		back, _, err := decodeBackup(&again)
		if err != nil || !cmp.Equal(back, kvs) {
			t.Fatalf("written again it differs: %v", err)
		}
	})
}
