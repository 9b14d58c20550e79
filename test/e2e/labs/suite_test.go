// Package labs_test is the end-to-end suite "labs": flows by hand, and packets that are sent and seen.
package labs_test

import (
	"os"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }
