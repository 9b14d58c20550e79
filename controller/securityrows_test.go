package controller

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// quietWorld is a world with no hosts.
func quietWorld(t testing.TB) *world {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	log := logrus.NewEntry(logger)
	w, err := newWorld(nowhere{}, apps.Config{}, newMemory(store.NewMemory(), log), log)
	if err != nil {
		t.Fatal(err)
	}
	w.statusChanged = func([]string) {}
	return w
}

func addressGroup(addresses ...string) *weftv1.Resource {
	return &weftv1.Resource{
		Kind: "AddressGroup", Project: "red", Name: "a",
		Spec:   &weftv1.Resource_AddressGroupSpec{AddressGroupSpec: &weftv1.AddressGroupSpec{Addresses: addresses}},
		Status: &weftv1.Status{Details: &weftv1.Status_AddressGroup{AddressGroup: &weftv1.AddressGroupStatus{Tag: 1}}},
	}
}

// blocks are the rows of an address group, as text.
func blocks(w *world) []string {
	var r table.Reader // what is read here is nobody's to remember
	var all []string
	for a := range w.tables.AddressesOf.List(&r, intent.Key{Kind: intent.KindAddressGroup, Project: "red", Name: "a"}) {
		all = append(all, a.Block.String())
	}
	return all
}

// TestAddressRowsFollow changes an address group, and drops it.
func TestAddressRowsFollow(t *testing.T) {
	w := quietWorld(t)
	for _, step := range []struct{ given, want []string }{
		{[]string{"10.0.0.2", "10.0.0.1", "fd00::/8", "10.0.0.2"}, []string{"10.0.0.1/32", "10.0.0.2/32", "fd00::/8"}},
		{[]string{"10.0.0.3", "10.0.0.2", "10.0.0.9"}, []string{"10.0.0.2/31", "10.0.0.9/32"}},
		{[]string{"10.0.0.0/24", "10.0.0.9", "192.0.2.1"}, []string{"10.0.0.0/24", "192.0.2.1/32"}},
		{[]string{"::/0", "0.0.0.0/0", "10.0.0.0/8"}, []string{"0.0.0.0/0", "::/0"}},
		{nil, nil},
		{[]string{"192.0.2.1"}, []string{"192.0.2.1/32"}},
	} {
		w.put(addressGroup(step.given...))
		if got := blocks(w); !slices.Equal(got, step.want) {
			t.Errorf("%v became %v, want %v", step.given, got, step.want)
		}
	}
	w.put(addressGroup("192.0.2.1/24")) // what cannot be understood changes nothing
	if got := blocks(w); len(got) != 1 {
		t.Errorf("left with %v", got)
	}
	w.drop(intent.Key{Kind: intent.KindAddressGroup, Project: "red", Name: "a"})
	if got := blocks(w); len(got) != 0 || w.tables.AddressSets.Len() != 0 {
		t.Errorf("left with %v after it was deleted", got)
	}
}

// many are n addresses no two of which are neighbours.
func many(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = netip.AddrFrom4([4]byte{10, byte(i >> 15), byte(i >> 7), byte(i << 1)}).String()
	}
	return all
}

// TestOneAddressMore adds one address to 20,000 and takes it away again: that is one row, and little work.
func TestOneAddressMore(t *testing.T) {
	w := quietWorld(t)
	all := many(20_000)
	began := time.Now()
	w.put(addressGroup(all...))
	if took := time.Since(began); took > 5*time.Second { // quadratic work takes far longer
		t.Errorf("20,000 addresses took %s", took)
	}
	before := w.tables.Addresses.Len()
	w.put(addressGroup(append(slices.Clone(all), "9.9.9.9")...))
	if n := w.tables.Addresses.Len(); n != before+1 || before != 20_000 {
		t.Errorf("%d rows, and then %d", before, n)
	}
	w.put(addressGroup(all...))
	if n := w.tables.Addresses.Len(); n != before {
		t.Errorf("%d rows, and then %d", before, n)
	}
}

// BenchmarkOneAddressMore adds an address to a group and takes it away.
func BenchmarkOneAddressMore(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := quietWorld(b)
			few, more := addressGroup(many(n)...), addressGroup(append(many(n), "9.9.9.9")...)
			for b.Loop() {
				w.put(more)
				w.put(few)
			}
		})
	}
}

// TestRuleListsFollow puts a group and a policy, and drops them; what the store no longer holds goes with a snapshot.
func TestRuleListsFollow(t *testing.T) {
	w := quietWorld(t)
	group := &weftv1.Resource{
		Kind: "SecurityGroup", Project: "red", Name: "g",
		Spec:   &weftv1.Resource_SecurityGroupSpec{SecurityGroupSpec: &weftv1.SecurityGroupSpec{}},
		Status: &weftv1.Status{Details: &weftv1.Status_SecurityGroup{SecurityGroup: &weftv1.SecurityGroupStatus{Tag: 2}}},
	}
	policy := &weftv1.Resource{
		Kind: "SecurityPolicy", Project: "red", Name: "p",
		Spec:   &weftv1.Resource_SecurityPolicySpec{SecurityPolicySpec: &weftv1.SecurityPolicySpec{}},
		Status: &weftv1.Status{Details: &weftv1.Status_SecurityPolicy{SecurityPolicy: &weftv1.SecurityPolicyStatus{Tag: 3}}},
	}
	everything := []*weftv1.Resource{group, policy, addressGroup("10.0.0.1")}
	count := func(when string, lists, sets, addresses int) {
		t.Helper()
		if got := [3]int{w.tables.RuleLists.Len(), w.tables.AddressSets.Len(), w.tables.Addresses.Len()}; got != [3]int{lists, sets, addresses} {
			t.Errorf("%s: %v rows", when, got)
		}
	}
	w.replace(everything, nil, 1)
	count("loaded", 2, 1, 1)
	w.drop(intent.KeyOf(policy))
	count("a policy deleted", 1, 1, 1)
	w.replace([]*weftv1.Resource{policy}, []intent.Key{intent.KeyOf(group)}, 2)
	count("a group that cannot be read", 2, 0, 0)
	w.replace(nil, nil, 3)
	count("nothing", 0, 0, 0)
}
