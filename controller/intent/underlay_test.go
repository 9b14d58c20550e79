package intent

import "testing"

func TestMTUOverIPv6(t *testing.T) {
	for typ, want := range map[string][2]int{"vxlan": {1450, 1430}, "geneve": {1442, 1422}, "gre": {1458, 1438}, "nvgre": {1458, 1438}} {
		for i, version := range []int{4, 6} {
			cfg := CatalogConfig{UnderlayMTU: 1500, UnderlayIP: version}
			if got := cfg.UnderlayMTU - cfg.overhead(typ); got != want[i] {
				t.Errorf("%s over IPv%d has %d bytes, want %d", typ, version, got, want[i])
			}
		}
	}
}
