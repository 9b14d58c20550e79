// Package lb_test is the end-to-end suite "lb": load balancers on real Open vSwitch, from their own network, by routers, and from members
// themselves.
package lb_test

import (
	"os"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
