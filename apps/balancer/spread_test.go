package balancer

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/controller/intent"
)

func drawMembers(t *rapid.T) []intent.PoolMember {
	equal := rapid.Bool().Draw(t, "equal")
	members := make([]intent.PoolMember, rapid.IntRange(1, 20).Draw(t, "members"))
	for i := range members {
		weight := 1
		if !equal {
			weight = rapid.IntRange(1, 256).Draw(t, "weight")
		}
		members[i] = intent.PoolMember{Name: fmt.Sprint("m", i), Weight: uint16(weight), Up: true}
	}
	return members
}

// names are the members' names, part by part.
func names(members []intent.PoolMember) []string {
	var all []string
	for _, m := range spread(members) {
		all = append(all, members[m].Name)
	}
	return all
}

// moved is how many parts have another member than before, of those whose member is still there.
func moved(before, after []string, but string) (n int) {
	for i := range before {
		if before[i] != after[i] && before[i] != but && after[i] != but {
			n++
		}
	}
	return n
}

// Each member has its share, give or take one part.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t)
		sum, got := 0, map[string]int{}
		for _, m := range members {
			sum += int(m.Weight)
		}
		for _, name := range names(members) {
			got[name]++
		}
		for _, m := range members {
			if want := partCount * float64(m.Weight) / float64(sum); math.Abs(float64(got[m.Name])-want) >= 1 {
				t.Fatalf("%v: %s has %d parts, want %.1f", members, m.Name, got[m.Name], want)
			}
		}
	})
}

// A member that goes down moves its own parts only, and has them back when it is up again.
func TestDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t)
		before := names(members)
		gone := rapid.IntRange(0, len(members)-1).Draw(t, "down")
		if members[gone].Up = false; len(serving(members)) == 0 {
			return
		}
		after := names(members)
		for i := range before {
			if before[i] != members[gone].Name && after[i] != before[i] || after[i] == members[gone].Name {
				t.Fatalf("%v: part %d moved from %s to %s", members, i, before[i], after[i])
			}
		}
		members[gone].Up = true
		if again := fmt.Sprint(names(members)); again != fmt.Sprint(before) {
			t.Fatalf("%v: before %v, after %s", members, before, again)
		}
	})
}

// A member that comes for good takes its share, and besides that no more than a tenth of all parts changes hands among the others.
func TestCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t)
		last := len(members) - 1
		if last == 0 {
			return
		}
		if n := moved(names(members[:last]), names(members), members[last].Name); n > partCount/10 {
			t.Fatalf("%v: %d of %d parts moved among the others", members, n, partCount)
		}
	})
}
