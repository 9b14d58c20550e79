//go:build soak

package security_test

import "testing"

// TestSoakConformance is TestConformance with twenty times as many packets, of histories that it has not.
func TestSoakConformance(t *testing.T) {
	t.Parallel()
	conforms(t, 1000, 20*leastPackets)
}
