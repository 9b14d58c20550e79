package intent

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestDelete(t *testing.T) {
	for _, tt := range []struct {
		name    string
		apply   string // on top of the base
		keys    []string
		cascade bool
		deleted []string
		err     string
	}{
		{name: "port", keys: []string{"port/red/vm1"}, deleted: []string{"port/red/vm1"}},
		{name: "same twice", keys: []string{"port/red/vm1", "port/red/vm1"}, deleted: []string{"port/red/vm1"}},
		{name: "missing", keys: []string{"port/red/vm1", "port/red/vm8", "host/h9"}, err: "port/red/vm8, host/h9 do not exist"},
		{name: "one missing", keys: []string{"host/h9"}, err: "host/h9 does not exist"},
		{name: "network in use", keys: []string{"network/red/web"}, err: "network/red/web is used by port/red/vm1, subnet/red/web-v4"},
		{name: "subnet in use", keys: []string{"subnet/red/web-v4"}, err: "subnet/red/web-v4 is used by port/red/vm1"},
		{name: "subnet without ports", keys: []string{"port/red/vm1", "subnet/red/web-v4"}, deleted: []string{"port/red/vm1", "subnet/red/web-v4"}},
		{name: "all of it, in any order", keys: []string{"network/red/web", "subnet/red/web-v4", "port/red/vm1"}, deleted: []string{"port/red/vm1", "subnet/red/web-v4", "network/red/web"}},
		{name: "cascade", keys: []string{"network/red/web"}, cascade: true, deleted: []string{"port/red/vm1", "subnet/red/web-v4", "network/red/web"}},
		{name: "project in use", keys: []string{"project/blue"}, err: "project/blue is used by network/blue/own, port/blue/vm1"},
		{name: "project cascade", keys: []string{"project/red"}, cascade: true, deleted: []string{
			"port/blue/vm1", "port/red/vm1", "subnet/red/pub-v4", "subnet/red/web-v4", "network/red/g1", "network/red/pub", "network/red/web", "project/red",
		}},
		{name: "host of a port", apply: `host/v tunnel_ip:"10.99.0.9" unmanaged:true` + "\n" + `port/red/x network:"web" host:"v"`,
			keys: []string{"host/v"}, err: "host/v is used by port/red/x"},
		{name: "port in a trunk", apply: `port/red/x network:"web" ` + "\n" + `trunk/red/t port:"vm1" sub_ports:{port:"x" segmentation_id:7}`,
			keys: []string{"port/red/vm1", "port/red/x"}, err: "port/red/vm1 is used by trunk/red/t; port/red/x is used by trunk/red/t"},
		{name: "range in use", keys: []string{"segmentrange/g"}, cascade: true, err: "segmentrange/g is used by network/red/g1"},
		{name: "range with its networks", keys: []string{"segmentrange/g", "network/red/g1"}, deleted: []string{"network/red/g1", "segmentrange/g"}},
		{name: "several in use", keys: []string{"subnet/red/web-v4", "segmentrange/g"}, err: "segmentrange/g is used by network/red/g1; subnet/red/web-v4 is used by port/red/vm1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := with(t, base+tt.apply)
			before := contents(c)
			var keys []Key
			for _, name := range tt.keys {
				key, err := ParseKey(name)
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, key)
			}
			rev, deleted, err := c.Delete(context.Background(), keys, tt.cascade, nil)
			if text := fmt.Sprint(err); err != nil && text != tt.err || err == nil && tt.err != "" {
				t.Fatalf("error %q, want %q", text, tt.err)
			}
			var names []string
			for _, key := range deleted {
				names = append(names, key.String())
				delete(before, key.String())
			}
			if diff := cmp.Diff(tt.deleted, names); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, contents(c), protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
			if err == nil && rev != c.Revision() {
				t.Errorf("revision %d, the catalog is at %d", rev, c.Revision())
			}
			mustBeWhole(t, c, c.cfg.Store)
		})
	}
}

// TestManyReferrers names ten and counts the others.
func TestManyReferrers(t *testing.T) {
	c := with(t, `network/red/n`)
	for i := range 15 {
		apply(t, c, fmt.Sprintf(`port/red/p%02d network:"n"`, i))
	}
	_, _, err := c.Delete(context.Background(), []Key{{KindNetwork, "red", "n"}}, false, nil)
	var inUse *InUseError
	if !errors.As(err, &inUse) || len(inUse.Uses) != 1 || len(inUse.Uses[0].Referrers) != 10 || inUse.Uses[0].Total != 15 {
		t.Fatalf("%v", err)
	}
	want := "network/red/n is used by port/red/p00, port/red/p01, port/red/p02, port/red/p03, port/red/p04, port/red/p05, port/red/p06, port/red/p07, port/red/p08, port/red/p09 and 5 more"
	if err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
	if n := len(c.Referrers(Key{KindNetwork, "red", "n"})); n != 15 {
		t.Errorf("%d referrers", n)
	}
}
