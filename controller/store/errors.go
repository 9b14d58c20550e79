package store

import (
	"errors"
	"fmt"
)

// The errors callers tell apart, with errors.Is.
var (
	// ErrConflict: a compare of the transaction did not hold; nothing was written. See ConflictError.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable: the store did not answer in time or cannot write now. A transaction may have been applied.
	ErrUnavailable = errors.New("store unavailable")
	// ErrCompacted: the revision wanted is no longer stored. See CompactedError.
	ErrCompacted = errors.New("revision compacted")
	// ErrTooLarge: the transaction exceeds the limits of the store; nothing was written.
	ErrTooLarge = errors.New("transaction too large")
	// ErrLost: the watch cannot be continued from where it was; load again.
	ErrLost = errors.New("watch lost")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store closed")
	// ErrInvalid: the call itself is wrong, whatever the state of the store.
	ErrInvalid = errors.New("invalid request")
	// ErrDenied: the cluster refuses these credentials.
	ErrDenied = errors.New("access denied")
	// ErrLocked: another process uses the data directory.
	ErrLocked = errors.New("directory in use")
	// ErrDamaged: the data directory cannot be read.
	ErrDamaged = errors.New("data damaged")
	// ErrBadBackup: the stream is not a whole, undamaged backup of a known version.
	ErrBadBackup = errors.New("bad backup")
	// ErrNotEmpty: a restore was asked into a store that has keys.
	ErrNotEmpty = errors.New("store not empty")
)

// ConflictError says which compare failed. It is an ErrConflict.
type ConflictError struct {
	Key  string // empty when the transaction had too many compares to ask for each
	Want int64  // revision expected; 0 = the key should not exist
	Have int64  // revision found; 0 = the key does not exist
}

func (e *ConflictError) Error() string {
	switch {
	case e.Key == "":
		return "conflict: a compared key has changed"
	case e.Want == 0:
		return fmt.Sprintf("conflict: key %q exists (revision %d)", e.Key, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("conflict: key %q does not exist, expected revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("conflict: key %q is at revision %d, expected %d", e.Key, e.Have, e.Want)
}

// Is makes a ConflictError an ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// CompactedError says that revisions up to and including Rev cannot be watched from any more. It is an ErrCompacted.
type CompactedError struct{ Rev int64 }

func (e *CompactedError) Error() string {
	return fmt.Sprintf("revision compacted: revisions up to %d are gone", e.Rev)
}

// Is makes a CompactedError an ErrCompacted.
func (e *CompactedError) Is(target error) bool { return target == ErrCompacted }
