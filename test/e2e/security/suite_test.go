// Package security_test is the end-to-end suite "security": security groups and administrators' policies on real Open vSwitch, what
// they let through and what not, on one host and across hosts, within a network, through routers and with translated addresses.
package security_test

import (
	"os"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
