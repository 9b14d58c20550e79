package intent

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// What networks of all types are given, where they say as little as they may.
func TestSegments(t *testing.T) {
	c := with(t, `
segmentrange/v network_type:"vlan" physical_network:"p1" minimum:100 maximum:101
network/red/flat type:"flat" physical_network:"p1"
network/red/flat2 type:"flat" physical_network:"p2"
network/red/v1 type:"vlan" physical_network:"p1"
network/red/v2 type:"vlan" physical_network:"p1"
network/red/w1 type:"vlan" physical_network:"p2"
network/red/q type:"qinq" physical_network:"p1"
network/red/q5 type:"qinq" physical_network:"p1" inner_vlan_id:5
network/red/q6 type:"qinq" physical_network:"p1" segmentation_id:2 inner_vlan_id:6
network/red/mpls type:"mpls" physical_network:"p1"
network/red/here type:"local"
network/red/there type:"local"
network/red/mixed segments:{type:"vlan" physical_network:"p2"} segments:{type:"geneve"} segments:{type:"local"}
`)
	for name, want := range map[string]string{
		"flat":  `mtu:1500 type:"flat" physical_network:"p1" segments:{type:"flat" physical_network:"p1"}`,
		"flat2": `mtu:1500 type:"flat" physical_network:"p2" segments:{type:"flat" physical_network:"p2"}`,
		"v1":    `segmentation_id:100 mtu:1500 type:"vlan" physical_network:"p1" segments:{type:"vlan" physical_network:"p1" segmentation_id:100}`,
		"v2":    `segmentation_id:101 mtu:1500 type:"vlan" physical_network:"p1" segments:{type:"vlan" physical_network:"p1" segmentation_id:101}`,
		"w1":    `segmentation_id:1 mtu:1500 type:"vlan" physical_network:"p2" segments:{type:"vlan" physical_network:"p2" segmentation_id:1}`,
		"q":     `segmentation_id:1 mtu:1492 type:"qinq" physical_network:"p1" segments:{type:"qinq" physical_network:"p1" segmentation_id:1}`,
		"q5":    `segmentation_id:2 mtu:1492 type:"qinq" physical_network:"p1" segments:{type:"qinq" physical_network:"p1" segmentation_id:2 inner_vlan_id:5}`,
		"mpls":  `segmentation_id:524288 mtu:1478 type:"mpls" physical_network:"p1" segments:{type:"mpls" physical_network:"p1" segmentation_id:524288}`,
		"here":  `mtu:1500 type:"local" segments:{type:"local"}`,
		"mixed": `segmentation_id:2 mtu:1442 type:"vlan" physical_network:"p2" segments:{type:"vlan" physical_network:"p2" segmentation_id:2} segments:{type:"geneve" segmentation_id:5001} segments:{type:"local"}`,
	} {
		got, expected := proto.CloneOf(get(t, c, "network/red/"+name).GetStatus().GetNetwork()), &weftv1.NetworkStatus{}
		got.Tag, got.Zone, got.BalancingZone = 0, 0, 0
		if err := prototext.Unmarshal([]byte(want), expected); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(expected, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Segments may be added and taken away at the end, and ids changed; what is not given anew stays.
func TestSegmentsChange(t *testing.T) {
	c := with(t, `network/red/m segments:{type:"vlan" physical_network:"p1"} segments:{type:"vxlan"}`)
	for _, step := range []struct{ apply, want string }{
		{`network/red/m segments:{type:"vlan" physical_network:"p1"} segments:{type:"vxlan" segmentation_id:7}`, "1 7"},
		{`network/red/m segments:{type:"vlan" physical_network:"p1"} segments:{type:"vxlan"} segments:{type:"gre"}`, "1 7 5001"},
		{`network/red/m segments:{type:"vlan" physical_network:"p1" segmentation_id:9}`, "9"},
		{`network/red/m type:"vlan" physical_network:"p1"`, "9"},
		{"network/red/n type:\"vxlan\" segmentation_id:7\nnetwork/red/o type:\"vlan\" physical_network:\"p1\" segmentation_id:1", "9"}, // ids that were let go
	} {
		apply(t, c, step.apply)
		var ids []uint32
		for _, s := range get(t, c, "network/red/m").GetStatus().GetNetwork().GetSegments() {
			ids = append(ids, s.GetSegmentationId())
		}
		if got := fmt.Sprint(ids); got != "["+step.want+"]" {
			t.Errorf("after %s: ids %s, want %s", step.apply, got, step.want)
		}
	}
}
