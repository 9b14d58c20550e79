package model

import (
	"slices"
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

// A topology that fails because of one rule is left with that, its gateway and what it names; everything that is tried can be applied.
func TestShrinkOutside(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := DrawOutside(rt)
		guilty := func(r NATRule) bool { return r.Type == "dnat" }
		failed := false
		least := all.Shrink(func(t Topology) bool {
			for _, r := range t.Outside.Rules {
				if t.Routers[r.Router].Name == "" || len(t.Outside.Gateways) == 0 {
					rt.Fatalf("a rule without a router, or without its gateway: %+v", t.Outside)
				}
			}
			if slices.ContainsFunc(t.Outside.Rules, guilty) {
				failed = true
				return true
			}
			return false
		})
		o := least.Outside
		if failed && (len(least.Routers) != 1 || len(least.Ports) != 1 || len(o.Gateways) != 1 || len(o.Floats) > 1 || len(o.Forwards) != 0 || len(o.Rules) != 1) {
			rt.Fatalf("left: %s", least.YAML())
		}
	})
}
