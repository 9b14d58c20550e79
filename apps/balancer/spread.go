package balancer

import (
	"cmp"
	"hash/fnv"
	"slices"

	"github.com/weft-sdn/weft/controller/intent"
)

// partCount is into how many parts all that can come is divided. Open vSwitch hashes over no more.
const partCount = 256

// serving returns the members that take new connections, and besides them those that have only gone for now, so that each keeps its parts:
// all that are no backups, and where none of these serves, the backups.
func serving(members []intent.PoolMember) []intent.PoolMember {
	for _, backup := range []bool{false, true} {
		var some []intent.PoolMember
		up := false
		for _, m := range members {
			if m.Backup == backup && m.Weight > 0 {
				some = append(some, m)
				up = up || m.Up
			}
		}
		if up {
			return some
		}
	}
	return nil
}

// spread gives each of the parts to a member: to each as many as its weight says, give or take one, those first that hash
// highest with it (RFC 2991's highest random weight). The parts of members that are down then go to the others in the same way. So a
// member that goes down moves its own parts only, and gets them back. One that comes for good gets little more than its share moved,
// because the others have to give up their places in the right numbers; see the test.
func spread(members []intent.PoolMember) []uint8 {
	all := make([]int, partCount)
	for i := range all {
		all[i] = i
	}
	parts := make([]uint8, partCount)
	everyone := make([]int, len(members))
	for i := range members {
		everyone[i] = i
	}
	place(parts, all, members, everyone)
	var orphans, up []int
	for i, m := range parts {
		if !members[m].Up {
			orphans = append(orphans, i)
		}
	}
	for i, m := range members {
		if m.Up {
			up = append(up, i)
		}
	}
	place(parts, orphans, members, up)
	return parts
}

// place gives some parts to some members.
func place(parts []uint8, which []int, members []intent.PoolMember, to []int) {
	type pair struct {
		score        uint64
		part, member int
	}
	pairs := make([]pair, 0, len(which)*len(to))
	for _, m := range to {
		seed := hash(members[m].Name)
		for _, p := range which {
			pairs = append(pairs, pair{mix(seed ^ uint64(p)*0x9e3779b97f4a7c15), p, m})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(-cmp.Compare(a.score, b.score), cmp.Compare(a.part, b.part), cmp.Compare(members[a.member].Name, members[b.member].Name))
	})
	left := quotas(len(which), members, to)
	done := make(map[int]bool, len(which))
	for _, x := range pairs {
		if left[x.member] > 0 && !done[x.part] {
			left[x.member]--
			done[x.part] = true
			parts[x.part] = uint8(x.member)
		}
	}
}

// quotas is how many of n parts each member gets: in proportion to weights, what is left over to the largest remainders.
func quotas(n int, members []intent.PoolMember, to []int) map[int]int {
	sum := 0
	for _, m := range to {
		sum += int(members[m].Weight)
	}
	left, quota := n, map[int]int{}
	for _, m := range to {
		quota[m] = n * int(members[m].Weight) / sum
		left -= quota[m]
	}
	order := slices.SortedFunc(slices.Values(to), func(a, b int) int {
		rest := func(m int) int { return n * int(members[m].Weight) % sum }
		return cmp.Or(-cmp.Compare(rest(a), rest(b)), cmp.Compare(hash(members[a].Name), hash(members[b].Name)))
	})
	for _, m := range order[:left] {
		quota[m]++
	}
	return quota
}

// Shares returns the part of new connections that each member of a pool gets, of those with one version of IP.
func Shares(members []intent.PoolMember) map[string]float64 {
	some := serving(members)
	shares := map[string]float64{}
	if len(some) == 0 {
		return shares
	}
	for _, m := range spread(some) {
		shares[some[m].Name] += 1. / partCount
	}
	return shares
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // it never fails
	return mix(h.Sum64())
}

// mix spreads the bits of a number over all of it (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
