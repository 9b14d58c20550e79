package alloc

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestIDs compares a set with a map after every step. Numbers lie around the edges of words of every level.
func TestIDs(t *testing.T) {
	var near []ID
	for _, edge := range []ID{1, 64, 128, 4096, 1 << 18, 1 << 24, 1<<32 - 4} {
		for n := edge - min(edge, 3); n < edge+3; n++ {
			near = append(near, n)
		}
	}
	near = append(near, 1<<32-1)
	rapid.Check(t, func(t *rapid.T) {
		var s IDs
		model := map[ID]bool{}
		id := rapid.SampledFrom(near)
		t.Repeat(map[string]func(*rapid.T){
			"add":    func(t *rapid.T) { n := id.Draw(t, "n"); holds(t, s.Add(n) == !model[n]); model[n] = true },
			"remove": func(t *rapid.T) { n := id.Draw(t, "n"); holds(t, s.Remove(n) == model[n]); delete(model, n) },
			"fill a word": func(t *rapid.T) {
				for first, n := id.Draw(t, "n")&^63, ID(0); n < 64; n++ {
					s.Add(first + n)
					model[first+n] = true
				}
			},
			"next": func(t *rapid.T) {
				a, b, after := id.Draw(t, "first"), id.Draw(t, "last"), id.Draw(t, "after")
				r := Range[ID]{min(a, b), min(max(a, b), min(a, b)+200)}
				want, any := expected(model, r, after)
				got, ok := s.Next([]Range[ID]{r}, after)
				holds(t, got == want && ok == any)
			},
			"": func(t *rapid.T) {
				holds(t, s.Len() == len(model) && s.Count(Range[ID]{0, 1<<32 - 1}) == uint32(len(model)))
				a, b := id.Draw(t, "a"), id.Draw(t, "b")
				r := Range[ID]{min(a, b), max(a, b)}
				first, n := ID(0), uint32(0)
				for v := range model {
					holds(t, s.Has(v))
					if r.Contains(v) {
						if n++; n == 1 || v < first {
							first = v
						}
					}
				}
				got, any := s.First(r)
				holds(t, s.Count(r) == n && any == (n > 0) && (!any || got == first))
			},
		})
	})
}

func holds(t *rapid.T, ok bool) {
	t.Helper()
	if !ok {
		t.Fatal("the set differs from the model")
	}
}

// expected is Next, one number at a time.
func expected(taken map[ID]bool, r Range[ID], after ID) (ID, bool) {
	for n := uint64(max(r.First, after)); n <= uint64(r.Last); n++ {
		if ID(n) > after && !taken[ID(n)] {
			return ID(n), true
		}
	}
	for n := uint64(r.First); n <= uint64(min(r.Last, after)); n++ {
		if !taken[ID(n)] {
			return ID(n), true
		}
	}
	return 0, false
}

// TestAddrsAcrossRanges walks several ranges, wraps, and says when all are full.
func TestAddrsAcrossRanges(t *testing.T) {
	a := netip.MustParseAddr
	for _, tt := range []struct {
		name   string
		ranges []Range[netip.Addr]
		after  netip.Addr
		want   []string
	}{
		{"IPv4", []Range[netip.Addr]{{a("10.0.0.2"), a("10.0.0.3")}, {a("10.0.0.9"), a("10.0.0.9")}, {a("255.255.255.254"), a("255.255.255.255")}},
			a("10.0.0.3"), []string{"10.0.0.9", "255.255.255.254", "255.255.255.255", "10.0.0.2", "10.0.0.3"}},
		{"IPv6, across the lower 64 bits", []Range[netip.Addr]{{a("2001:db8::ffff:ffff:ffff:fffe"), a("2001:db8:0:1::1")}},
			netip.Addr{}, []string{"2001:db8::ffff:ffff:ffff:fffe", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::", "2001:db8:0:1::1"}},
		{"nothing", nil, a("10.0.0.3"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s Addrs
			after := tt.after
			for _, want := range tt.want {
				got, ok := s.Next(tt.ranges, after)
				if !ok || got != a(want) || !s.Add(got) || s.Add(got) || !s.Has(got) {
					t.Fatalf("after %s: %s, want %s", after, got, want)
				}
				after = got
			}
			if got, ok := s.Next(tt.ranges, after); ok {
				t.Fatalf("all are taken, and %s is free", got)
			}
			for _, ip := range tt.want {
				if !s.Remove(a(ip)) || s.Remove(a(ip)) {
					t.Errorf("%s was not there", ip)
				}
			}
			if s.Len() != 0 || len(s.blocks) != 0 {
				t.Errorf("%d are left", s.Len())
			}
		})
	}
}

// BenchmarkNextFull finds the one free id among a million.
func BenchmarkNextFull(b *testing.B) {
	var s IDs
	for n := ID(1); n <= 1_000_000; n++ {
		s.Add(n)
	}
	s.Remove(500_000)
	for b.Loop() {
		if n, _ := s.Next([]Range[ID]{{1, 1_000_000}}, 600_000); n != 500_000 {
			b.Fatal(n)
		}
	}
}
