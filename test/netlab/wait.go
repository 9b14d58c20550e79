package netlab

import (
	"errors"
	"fmt"
	"time"
)

// pollEvery is how often Eventually looks.
const pollEvery = 5 * time.Millisecond

// Eventually calls check until it returns nil, at most for the given time, and returns what it said last.
func Eventually(within time.Duration, what string, check func() error) error {
	deadline := time.Now().Add(within)
	for wait := pollEvery; ; {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %v: %w", what, within, err)
		}
		time.Sleep(wait)
		// Checks are often processes of their own: what takes long is looked at less often.
		wait = min(wait*5/4, 100*time.Millisecond)
	}
}

// errNotYet is what a check says when there is nothing more to say.
var errNotYet = errors.New("not yet")
