package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
)

// preflight looks at the files before etcd does. What it finds etcd answers by waiting for ever, by ending the process,
// or worst: when its log ends before the position the database has applied, etcd acknowledges writes and skips them
// until the log has grown past that position.
func preflight(dir string) error {
	db := filepath.Join(dir, "member", "snap", "db")
	info, err := os.Stat(db)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // a first start, or one that was cut short before anything was written
	}
	if err != nil {
		return err
	}
	applied, err := appliedIndex(db, info.Size())
	if err != nil {
		return err
	}
	walDir := filepath.Join(dir, "member", "wal")
	logged, err := loggedIndex(walDir)
	if err != nil {
		return err
	}
	if logged < applied {
		return fmt.Errorf("%w: the write-ahead log in %s ends at entry %d, but the database has %d", ErrDamaged, walDir, logged, applied)
	}
	return nil
}

// appliedIndex is the position in the log up to which the database has applied it.
func appliedIndex(file string, size int64) (index uint64, err error) {
	// bbolt maps the file and trusts it: a damaged one makes it panic, or touch memory behind the end of the file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the database %s: %v", ErrDamaged, file, p)
		}
	}()
	db, err := bolt.Open(file, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if errors.Is(err, fs.ErrPermission) {
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("%w: the database %s: %w", ErrDamaged, file, err)
	}
	defer func() { _ = db.Close() }() // only read
	err = db.View(func(tx *bolt.Tx) error {
		if tx.Size() > size {
			return fmt.Errorf("%w: the database %s has %d bytes, it should have %d", ErrDamaged, file, size, tx.Size())
		}
		meta := tx.Bucket(schema.Meta.Name())
		if meta == nil {
			return nil
		}
		if raw := meta.Get(schema.MetaConsistentIndexKeyName); len(raw) == 8 {
			index = binary.BigEndian.Uint64(raw)
		}
		return nil
	})
	return index, err
}

// loggedIndex is the last position in the log. A record that was being written when the power went is not counted.
func loggedIndex(dir string) (uint64, error) {
	damaged := func(err error) error {
		return fmt.Errorf("%w: the write-ahead log in %s: %w", ErrDamaged, dir, err)
	}
	if !wal.Exist(dir) {
		return 0, fmt.Errorf("%w: the write-ahead log in %s is missing", ErrDamaged, dir)
	}
	snaps, err := wal.ValidSnapshotEntries(nil, dir)
	if err != nil {
		return 0, damaged(err)
	}
	if len(snaps) == 0 {
		return 0, damaged(errors.New("it holds no beginning"))
	}
	last := snaps[len(snaps)-1]
	log, err := wal.OpenForRead(nil, dir, last)
	if err != nil {
		return 0, damaged(err)
	}
	defer func() { _ = log.Close() }() // only read
	_, _, entries, err := log.ReadAll()
	if err != nil {
		return 0, damaged(err)
	}
	if n := len(entries); n > 0 {
		return entries[n-1].GetIndex(), nil
	}
	return last.GetIndex(), nil
}
