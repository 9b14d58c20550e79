//go:build soak

package main_test

import (
	"testing"
	"time"
)

// The store is away for a minute each time.
func TestSoakStoreGone(t *testing.T) {
	t.Parallel()
	storeGone(t, time.Minute)
}
