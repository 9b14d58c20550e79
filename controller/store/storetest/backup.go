package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/controller/store"
)

func backup(t *testing.T, s store.Store) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := store.Backup(within(t), s, &buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func restore(t *testing.T, s store.Store, raw []byte, opt store.RestoreOptions) {
	t.Helper()
	if err := store.Restore(within(t), s, bytes.NewReader(raw), opt); err != nil {
		t.Fatal(err)
	}
}

// backupAndRestore also carries a backup into a store of another kind and back.
func backupAndRestore(t *testing.T, s store.Store) {
	write(t, s, store.Put("r/a", []byte("1")), store.Put("r/b", nil), store.Put("meta/head", []byte{0, 255}), store.Put("gone", nil))
	want := contents(t, s)
	raw := backup(t, s)

	kept, _, _, _ := store.Get(within(t), s, "r/b")
	write(t, s, store.Put("r/a", []byte("2")), store.Put("r/new", nil), store.Delete("gone"))
	err := store.Restore(within(t), s, bytes.NewReader(raw), store.RestoreOptions{})
	if !errors.Is(err, store.ErrNotEmpty) {
		t.Fatalf("restore into a store with keys: %v, want ErrNotEmpty", err)
	}
	m := NewMirror()
	m.Follow(t, s, "")
	_, before := load(t, s, "")
	restore(t, s, raw, store.RestoreOptions{Replace: true})
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Errorf("after the restore:\n%s", diff)
	}
	m.MustShow(t, s)
	batch := mustTake(t, s, "", before+1, 1)[0]
	var told []string
	for _, ev := range batch.Events {
		told = append(told, fmt.Sprintf("%s %v", ev.Key, ev.Deleted))
	}
	if diff := cmp.Diff([]string{"gone false", "r/a false", "r/new true"}, told); diff != "" {
		t.Errorf("watchers are told more or less than the difference:\n%s", diff)
	}
	if now, _, _, _ := store.Get(within(t), s, "r/b"); now.Rev != kept.Rev {
		t.Errorf("a key that was right was written again: %+v", now)
	}
	restore(t, s, raw, store.RestoreOptions{Replace: true})
	if _, rev := load(t, s, ""); rev != batch.Rev {
		t.Errorf("restoring what is there already wrote revision %d after %d", rev, batch.Rev)
	}

	other := store.NewMemory()
	restore(t, other, raw, store.RestoreOptions{})
	if diff := cmp.Diff(want, contents(t, other)); diff != "" {
		t.Errorf("restored into a store in memory:\n%s", diff)
	}
	restore(t, s, backup(t, other), store.RestoreOptions{Replace: true})
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Errorf("and back:\n%s", diff)
	}
}

func restoreMany(t *testing.T, s store.Store) {
	source := store.NewMemory()
	var ops []store.Op
	for i := range 20_000 {
		ops = append(ops, store.Put(fmt.Sprintf("r/port/p/%05d", i), bytes.Repeat([]byte{byte(i)}, 300)))
	}
	write(t, source, ops...)
	_, before := load(t, s, "")
	restore(t, s, backup(t, source), store.RestoreOptions{})
	if _, rev := load(t, s, "meta/"); rev != before+1 {
		t.Errorf("the restore took revisions %d to %d, want one", before+1, rev)
	}
	if diff := cmp.Diff(contents(t, source), contents(t, s)); diff != "" {
		t.Error(diff)
	}
}

// restoreRefuses damages a backup in every place: nothing may be written.
func restoreRefuses(t *testing.T, s store.Store) {
	source := store.NewMemory()
	write(t, source, store.Put("a", []byte("value")), store.Put("b", bytes.Repeat([]byte("x"), 200)))
	raw := backup(t, source)
	_, before := load(t, s, "")
	refuse := func(what string, raw []byte) {
		t.Helper()
		err := store.Restore(within(t), s, bytes.NewReader(raw), store.RestoreOptions{Replace: true})
		if !errors.Is(err, store.ErrBadBackup) {
			t.Errorf("%s: %v, want ErrBadBackup", what, err)
		}
	}
	for i := range raw {
		refuse(fmt.Sprintf("cut after %d bytes", i), raw[:i])
		damaged := bytes.Clone(raw)
		damaged[i] ^= 0x55
		refuse(fmt.Sprintf("byte %d changed", i), damaged)
	}
	refuse("a byte too many", append(bytes.Clone(raw), 0))
	refuse("nothing", nil)
	if kvs, rev := load(t, s, ""); len(kvs) != 0 || rev != before {
		t.Errorf("%d keys at revision %d: something was written", len(kvs), rev)
	}
}
