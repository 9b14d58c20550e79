// Package routing_test is the end-to-end suite "routing": routers between the networks of tenants, distributed over real Open
// vSwitch hosts.
package routing_test

import (
	"os"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
