package intent

import (
	"slices"
	"testing"
)

// trunked is what trunks are tried upon, on top of base.
const trunked = base + `
network/red/db shared:true
port/red/sub1 network:"db"
port/red/sub2 network:"db"
port/red/loose network:"db"
port/red/own network:"web"
port/red/vtep network:"db" host:"away"
host/away tunnel_ip:"10.9.0.9" unmanaged:true
trunk/red/t1 port:"own" sub_ports:{port:"sub1" segmentation_id:101}
port/blue/other network:"red/db"
`

func TestTrunkViolations(t *testing.T) {
	for _, tt := range []struct{ name, apply, want string }{
		{"no parent", `trunk/red/x`, `trunk/red/x: spec.port: is missing`},
		{"unknown parent", `trunk/red/x port:"looser"`, `trunk/red/x: spec.port: port "looser" does not exist, did you mean "loose"?`},
		{"another project's port", `trunk/red/x port:"blue/other"`, `trunk/red/x: spec.port: "blue/other" is another project's`},
		{"no subport", `trunk/red/x port:"loose" sub_ports:{segmentation_id:7}`, `trunk/red/x: spec.subPorts[0].port: is missing`},
		{"the parent in itself", `trunk/red/x port:"loose" sub_ports:{port:"loose" segmentation_id:7}`, `trunk/red/x: spec.subPorts[0].port: "loose" is the trunk's parent`},
		{"a port twice", `trunk/red/x port:"loose" sub_ports:{port:"sub2" segmentation_id:7} sub_ports:{port:"sub2" segmentation_id:8}`, `trunk/red/x: spec.subPorts[1].port: is that of subPorts[0]`},
		{"a VLAN twice", `trunk/red/x port:"loose" sub_ports:{port:"sub2" segmentation_id:7} sub_ports:{port:"vm1" segmentation_id:7}`, `trunk/red/x: spec.subPorts[1].segmentationId: 7 is that of subPorts[0]`},
		{"no VLAN", `trunk/red/x port:"loose" sub_ports:{port:"sub2"}`, `trunk/red/x: spec.subPorts[0].segmentationId: 0 is not between 1 and 4,094`},
		{"reserved VLAN", `trunk/red/x port:"loose" sub_ports:{port:"sub2" segmentation_id:4095}`, `trunk/red/x: spec.subPorts[0].segmentationId: 4095 is not between 1 and 4,094`},
		{"another type", `trunk/red/x port:"loose" sub_ports:{port:"sub2" segmentation_id:7 segmentation_type:"inherit"}`, `trunk/red/x: spec.subPorts[0].segmentationType: "inherit" is not "vlan", the only type that there is`},
		{"another trunk's subport", `trunk/red/x port:"loose" sub_ports:{port:"sub1" segmentation_id:7}`, `trunk/red/x: spec.subPorts[0].port: port "sub1" is a subport of trunk/red/t1`},
		{"another trunk's parent", `trunk/red/x port:"own"`, `trunk/red/x: spec.port: port "own" is the parent of trunk/red/t1`},
		{"a trunk in a trunk", `trunk/red/x port:"loose" sub_ports:{port:"own" segmentation_id:7}`, `trunk/red/x: spec.subPorts[0].port: port "own" is the parent of trunk/red/t1`},
		{"a parent inside", `trunk/red/x port:"sub1"`, `trunk/red/x: spec.port: port "sub1" is a subport of trunk/red/t1`},
		{"a port behind an unmanaged host", `trunk/red/x port:"vtep"`, `trunk/red/x: spec.port: port "vtep" is behind host/away, which is unmanaged`},
		{"another parent", `trunk/red/t1 port:"loose"`, `trunk/red/t1: spec.port: cannot be changed from own to loose; delete the trunk and make it again`},
		{"a subport that goes behind an unmanaged host", `port/red/sub1 network:"db" host:"away"`,
			`port/red/sub1: spec.host: must be left out: the port is in trunk/red/t1, and of what is plugged into an unmanaged host nothing is known`},
	} {
		t.Run(tt.name, func(t *testing.T) { refuses(t, with(t, trunked), all(tt.apply), tt.want) })
	}
}

// TestTrunksTrade has two trunks exchange a subport in one request, and a port be free again when its trunk lets it go.
func TestTrunksTrade(t *testing.T) {
	c := with(t, trunked)
	apply(t, c, `trunk/red/t2 port:"loose" sub_ports:{port:"sub2" segmentation_id:101}`)
	apply(t, c, `trunk/red/t1 port:"own" sub_ports:{port:"sub2" segmentation_id:102}
		trunk/red/t2 port:"loose" sub_ports:{port:"sub1" segmentation_id:101}`)
	trunk, subports, err := TrunkRows(get(t, c, "trunk/red/t1"))
	if err != nil || !trunk.Up || trunk.Parent.Name != "own" {
		t.Error(trunk, err)
	}
	port := func(name string) Key { return Key{KindPort, "red", name} }
	if want := []Subport{{port("sub2"), trunk.Key, port("own"), 102}}; !slices.Equal(subports, want) {
		t.Errorf("subports %v, want %v", subports, want)
	}
	apply(t, c, `trunk/red/t2 port:"loose"`)
	apply(t, c, `trunk/red/t1 port:"own" sub_ports:{port:"sub1" segmentation_id:102}`)
}
