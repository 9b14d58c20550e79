package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// A topology that fails because of one policy is left with that alone.
func TestShrink(t *testing.T) {
	guilty := func(p Policy) bool { return p.Allow }
	rapid.Check(t, func(rt *rapid.T) {
		all := Draw(rt)
		var want []Router
		least := all.Shrink(func(t Topology) bool {
			for _, r := range t.Routers {
				for _, p := range r.Policies {
					if guilty(p) {
						want = []Router{{Name: r.Name, Down: r.Down, Policies: []Policy{p}}}
						return true
					}
				}
			}
			return false
		})
		if want == nil {
			return // nothing failed
		}
		if len(least.Routers) != 1 || len(least.Ports) != 1 || cmp.Diff(want, least.Routers, cmpopts.EquateEmpty(), cmpopts.EquateComparable(Policy{}.From, Interface{})) != "" {
			rt.Fatalf("left: %s", least.YAML())
		}
	})
}
