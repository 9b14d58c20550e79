// Package main_test is the end-to-end suite "main": isolated tenant networks across real Open vSwitch hosts, what may pass
// and what may not, while ports move, hosts come and go, programs are killed, others meddle, and peers talk garbage.
package main_test

import (
	"os"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
