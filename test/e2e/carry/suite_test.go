// Package carry_test is the end-to-end suite "carry": every way to carry a network between real Open vSwitch hosts, proven by
// what is on the wire and by who is on the other end of it.
package carry_test

import (
	"os"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

// patience is how long something may take on a busy machine.
const patience = 20 * time.Second
