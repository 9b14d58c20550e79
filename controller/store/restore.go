package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// RestoreOptions says what a restore may do. The zero value restores into an empty store only.
type RestoreOptions struct {
	Replace bool // replace what the store has; keys the backup lacks are deleted
}

const (
	// restoringKey is there while a restore that needs several transactions is under way, or was cut short.
	restoringKey = "meta/restoring"

	restoreAttempts = 5
)

// Restore reads a backup to its end, and only if all of it is right makes the store hold what it holds: keys that differ
// are written, keys the backup lacks deleted, the rest left alone, so watchers see exactly the difference.
//
// It is one transaction when that fits MaxOps and MaxBytes. Beyond, it is several, what is written first, what is deleted
// last, while the key meta/restoring is there. A store where that was cut short keeps the key, refuses a backup, and may
// be restored into again without asking to replace.
func Restore(ctx context.Context, s Store, r io.Reader, opt RestoreOptions) error {
	want, _, err := decodeBackup(r)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	for attempt := 1; ; attempt++ {
		err := restoreOnce(ctx, s, want, opt)
		// Somebody wrote between our read and our write: look again.
		if errors.Is(err, ErrConflict) && attempt < restoreAttempts {
			continue
		}
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		return nil
	}
}

func restoreOnce(ctx context.Context, s Store, want []KV, opt RestoreOptions) error {
	have, interrupted, err := loadForRestore(ctx, s)
	if err != nil {
		return err
	}
	if len(have) > 0 && !interrupted && !opt.Replace {
		return fmt.Errorf("%w: it has %d keys; ask to replace them", ErrNotEmpty, len(have))
	}
	txns := split(plan(have, want), MaxOps, MaxBytes)
	if len(txns) <= 1 && !interrupted {
		return run(ctx, s, txns)
	}
	if _, err := s.Txn(ctx, nil, []Op{Put(restoringKey, []byte("not finished"))}); err != nil {
		return err
	}
	if err := run(ctx, s, txns); err != nil {
		return err
	}
	_, err = s.Txn(ctx, nil, []Op{Delete(restoringKey)})
	return err
}

// loadForRestore is all a store holds but the mark of an interrupted restore.
func loadForRestore(ctx context.Context, s Store) (kvs []KV, interrupted bool, err error) {
	kvs, _, err = s.Load(ctx, "")
	if err != nil {
		return nil, false, err
	}
	n := len(kvs)
	kvs = slices.DeleteFunc(kvs, func(kv KV) bool { return kv.Key == restoringKey })
	return kvs, len(kvs) < n, nil
}

// step is one key of a restore: the revision it must still have, and what is to become of it.
type step struct {
	compare Compare
	op      Op
	keep    bool // the key is right as it is; it is only compared
}

// plan walks two sorted lists: what to write, then what to delete.
func plan(have, want []KV) []step {
	var write, remove []step
	for len(have) > 0 || len(want) > 0 {
		switch {
		case len(want) == 0 || len(have) > 0 && have[0].Key < want[0].Key:
			remove = append(remove, step{Compare{have[0].Key, have[0].Rev}, Delete(have[0].Key), false})
			have = have[1:]
		case len(have) == 0 || want[0].Key < have[0].Key:
			write = append(write, step{Compare{want[0].Key, 0}, Put(want[0].Key, want[0].Value), false})
			want = want[1:]
		default:
			same := bytes.Equal(have[0].Value, want[0].Value)
			write = append(write, step{Compare{have[0].Key, have[0].Rev}, Put(want[0].Key, want[0].Value), same})
			have, want = have[1:], want[1:]
		}
	}
	return append(write, remove...)
}

// split cuts steps into transactions of at most ops operations and size bytes.
func split(steps []step, ops, size int) [][]step {
	var out [][]step
	begin, bytes := 0, 0
	for i, st := range steps {
		n := len(st.op.Key) + len(st.op.Value)
		if i > begin && (i-begin >= ops || bytes+n > size) {
			out = append(out, steps[begin:i:i])
			begin, bytes = i, 0
		}
		bytes += n
	}
	if begin < len(steps) {
		out = append(out, steps[begin:])
	}
	return out
}

func run(ctx context.Context, s Store, txns [][]step) error {
	for _, steps := range txns {
		compares := make([]Compare, 0, len(steps))
		ops := make([]Op, 0, len(steps))
		for _, st := range steps {
			compares = append(compares, st.compare)
			if !st.keep {
				ops = append(ops, st.op)
			}
		}
		if len(ops) == 0 {
			continue
		}
		if _, err := s.Txn(ctx, compares, ops); err != nil {
			return err
		}
	}
	return nil
}
