package intent

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotLoaded is for readers to return while Revision is 0: what the store holds is not known yet.
	ErrNotLoaded = errors.New("the store has not been read yet")
	// ErrBusy means that other writers of the store were faster again and again. Nothing was stored; trying again is fine.
	ErrBusy = errors.New("other writers of the store were faster, again and again")
)

// MaxResources is how many resources one Apply or Delete may name.
const MaxResources = 10_000

// maxViolations is how many violations are named, maxReferrers how many referrers of each resource; others are counted.
const (
	maxViolations = 100
	maxReferrers  = 10
)

// ReasonDown is the reason of a note about what is administratively down.
const ReasonDown = "Down"

// Reason sorts violations for programs.
type Reason string

// The reasons for violations.
const (
	ReasonInvalid   Reason = "INVALID"   // it can never be right
	ReasonNotFound  Reason = "NOT_FOUND" // what it refers to does not exist
	ReasonConflict  Reason = "CONFLICT"  // another resource has it
	ReasonInUse     Reason = "IN_USE"    // others depend on what would change
	ReasonImmutable Reason = "IMMUTABLE" // it cannot be changed
	ReasonExhausted Reason = "EXHAUSTED" // nothing is left to allocate
)

// Violation is one thing wrong with a request.
type Violation struct {
	Key     Key    // zero: the request as a whole, or a resource that does not say which one it is
	Field   string // as in YAML: "spec.fixedIps[0].ip"; empty: the resource as a whole
	Message string
	Reason  Reason
}

// String returns "port/red/vm1: spec.fixedIps[0].ip: message".
func (v Violation) String() string {
	s := v.Message
	if v.Field != "" {
		s = v.Field + ": " + s
	}
	if v.Key != (Key{}) {
		s = v.Key.String() + ": " + s
	}
	return s
}

// InvalidError is all that is wrong with a request; nothing of it was stored.
type InvalidError struct {
	Violations []Violation // the first 100, in the order of the request
	Total      int
}

func (e *InvalidError) Error() string {
	switch {
	case len(e.Violations) == 0:
		return "the request is not valid"
	case e.Total == 1:
		return e.Violations[0].String()
	}
	return fmt.Sprintf("%s (and %d more)", e.Violations[0], e.Total-1)
}

// Exhausted tells whether nothing is wrong but that nothing is left to allocate.
func (e *InvalidError) Exhausted() bool {
	for _, v := range e.Violations {
		if v.Reason != ReasonExhausted {
			return false
		}
	}
	return len(e.Violations) > 0 && e.Total == len(e.Violations)
}

// Mismatch is a precondition that does not hold.
type Mismatch struct {
	Key              Key
	Expected, Actual int64 // revisions; 0: does not exist
}

// String says it in words, without the key.
func (m Mismatch) String() string {
	switch {
	case m.Expected == 0:
		return fmt.Sprintf("exists, at revision %d", m.Actual)
	case m.Actual == 0:
		return fmt.Sprintf("does not exist, expected at revision %d", m.Expected)
	}
	return fmt.Sprintf("is at revision %d, expected %d", m.Actual, m.Expected)
}

// ConflictError says which preconditions do not hold; nothing was stored.
type ConflictError struct{ Mismatches []Mismatch }

func (e *ConflictError) Error() string {
	return join(e.Mismatches, "; ", func(m Mismatch) string { return m.Key.String() + " " + m.String() })
}

// NotFoundError says which resources there are none of; nothing was stored.
type NotFoundError struct{ Keys []Key }

func (e *NotFoundError) Error() string {
	if len(e.Keys) == 1 {
		return e.Keys[0].String() + " does not exist"
	}
	return join(e.Keys, ", ", Key.String) + " do not exist"
}

// Use says what refers to a resource.
type Use struct {
	Key       Key
	Referrers []Key // the first 10
	Total     int
}

// String says it in words, without the key.
func (u Use) String() string { return "is used by " + list(u.Referrers, u.Total) }

// InUseError says which resources others depend on, so that they cannot be deleted; nothing was.
type InUseError struct{ Uses []Use }

func (e *InUseError) Error() string {
	return join(e.Uses, "; ", func(u Use) string { return u.Key.String() + " " + u.String() })
}

// join writes things in a row; of many, the first.
func join[T any](things []T, separator string, text func(T) string) string {
	var b strings.Builder
	for i, t := range things[:min(len(things), maxReferrers)] {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(text(t))
	}
	if more := len(things) - maxReferrers; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// list writes keys, of which there are total: "port/red/a, port/red/b and 7 more".
func list(keys []Key, total int) string {
	s := join(keys[:min(len(keys), maxReferrers)], ", ", Key.String)
	if more := total - min(len(keys), maxReferrers); more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}
