package intent

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// quick is a store that remembers nothing but revisions, so that what is measured is the catalog.
type quick struct {
	store.Store
	rev int64
	raw []byte
}

func (q *quick) Txn(_ context.Context, _ []store.Compare, ops []store.Op) (int64, error) {
	q.rev++
	q.raw = ops[0].Value
	return q.rev, nil
}

func (q *quick) Load(context.Context, string) ([]store.KV, int64, error) {
	if q.rev == 0 {
		return nil, 0, nil
	}
	return []store.KV{{Key: headKey, Value: q.raw, Rev: q.rev}}, q.rev, nil
}

// ports returns n ports on networks of a project.
func ports(n int, name string) []*weftv1.Resource {
	list := make([]*weftv1.Resource, n)
	for i := range list {
		list[i] = res(fmt.Sprintf(`port/red/%s%d network:"n%d"`, name, i, i%10))
	}
	return list
}

// loaded returns a catalog with 20,000 ports on ten networks.
func loaded(b *testing.B) *Catalog {
	c := newCatalog(b, &quick{})
	for i := range 10 {
		apply(b, c, fmt.Sprintf(`network/red/n%d`, i), fmt.Sprintf(`subnet/red/s%d network:"n%d" cidr:"10.%d.0.0/16"`, i, i, i),
			fmt.Sprintf(`subnet/red/v%d network:"n%d" cidr:"2001:db8:%d::/64"`, i, i, i))
	}
	for i := range 2 {
		if _, _, err := c.Apply(context.Background(), ports(10_000, fmt.Sprintf("p%d-", i)), nil); err != nil {
			b.Fatal(explain(err))
		}
	}
	return c
}

func BenchmarkApplyOne(b *testing.B) {
	c := loaded(b)
	requests := ports(100_000, "new")
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if _, _, err := c.Apply(context.Background(), requests[i%len(requests):][:1], nil); err != nil {
			b.Fatal(explain(err))
		}
	}
}

// BenchmarkUpdateOne changes one port among 20,000.
func BenchmarkUpdateOne(b *testing.B) {
	c := loaded(b)
	requests := []*weftv1.Resource{res(`port/red/p0-7 network:"n7" device_id:"a"`), res(`port/red/p0-7 network:"n7" device_id:"b"`)}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, err := c.Apply(context.Background(), requests[i%2:][:1], nil); err != nil {
			b.Fatal(explain(err))
		}
		i++
	}
}

// BenchmarkApply5000 creates 5,000 ports in one request, and deletes them again outside of the clock.
func BenchmarkApply5000(b *testing.B) {
	c := loaded(b)
	requests := ports(5000, "new")
	keys := make([]Key, len(requests))
	for i, r := range requests {
		keys[i] = KeyOf(r)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, _, err := c.Apply(context.Background(), requests, nil); err != nil {
			b.Fatal(explain(err))
		}
		b.StopTimer()
		if _, _, err := c.Delete(context.Background(), keys, false, nil); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkDelete5000 deletes 5,000 of 25,000 ports in one request.
func BenchmarkDelete5000(b *testing.B) {
	c := loaded(b)
	requests := ports(5000, "new")
	keys := make([]Key, len(requests))
	for i, r := range requests {
		keys[i] = KeyOf(r)
	}
	for range b.N {
		b.StopTimer()
		if _, _, err := c.Apply(context.Background(), requests, nil); err != nil {
			b.Fatal(explain(err))
		}
		b.StartTimer()
		if _, _, err := c.Delete(context.Background(), keys, false, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot reads 20,000 ports as when a controller starts.
func BenchmarkSnapshot(b *testing.B) {
	c := loaded(b)
	var kvs []store.KV
	for r := range c.List() {
		rev := r.GetRevision()
		raw, err := marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		kvs = append(kvs, store.KV{Key: StoredKey(KeyOf(r)), Value: raw, Rev: rev, Created: rev})
	}
	b.ResetTimer()
	for range b.N {
		if err := newCatalog(b, &quick{}).FollowSnapshot(kvs, c.Revision()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListAfterChange lists 20,000 resources of which one has changed.
func BenchmarkListAfterChange(b *testing.B) {
	c := loaded(b)
	c.List()
	b.ResetTimer()
	for range b.N {
		c.touched[Key{KindPort, "red", "p0-7"}] = struct{}{}
		for range c.List() {
			break
		}
	}
}

// BenchmarkGroup changes a rule of a security group that 10,000 ports have, lets a port join it, and adds an address to a group of 10,000.
func BenchmarkGroup(b *testing.B) {
	c := newCatalog(b, &quick{})
	apply(b, c, `network/red/n`, `securitygroup/red/g`)
	members := make([]*weftv1.Resource, MaxResources)
	for i := range members {
		members[i] = res(fmt.Sprintf(`port/red/p%d network:"n" security_groups:"g"`, i))
	}
	if _, _, err := c.Apply(context.Background(), members, nil); err != nil {
		b.Fatal(explain(err))
	}
	var few strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&few, `addresses:"10.%d.%d.%d" `, i>>15, i>>7&255, i<<1&255)
	}
	for _, bb := range []struct{ name, one, other string }{
		{"rule", `securitygroup/red/g rules:{direction:"ingress" protocol:"tcp"}`, `securitygroup/red/g`},
		{"join", `port/red/x network:"n" security_groups:"g"`, `port/red/x network:"n"`},
		{"address", `addressgroup/red/a ` + few.String(), `addressgroup/red/a addresses:"9.9.9.9"` + few.String()},
	} {
		b.Run(bb.name, func(b *testing.B) {
			requests := all(bb.one, bb.other)
			i := 0
			for b.Loop() {
				if _, _, err := c.Apply(context.Background(), requests[i%2:][:1], nil); err != nil {
					b.Fatal(explain(err))
				}
				i++
			}
		})
	}
}
