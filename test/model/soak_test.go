//go:build soak

package model

import "testing"

// TestSoakRulesAgree is TestRulesAgree with twenty times as many histories, none of which that has.
func TestSoakRulesAgree(t *testing.T) { rulesAgree(t, histories+1, 20*histories, 20*leastPackets) }
