package intent

import (
	"fmt"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Trunk is an endpoint's port that has other ports inside of it.
type Trunk struct {
	Key    Key
	Parent Key
	Up     bool // administratively
}

// Equal tells whether two rows are the same.
func (t Trunk) Equal(o Trunk) bool { return t == o }

// Subport is a port inside a trunk.
type Subport struct {
	Port, Trunk, Parent Key
	VLAN                uint32 // by which the endpoint tags its frames
}

// Equal tells whether two rows are the same.
func (s Subport) Equal(o Subport) bool { return s == o }

// TrunkRows returns the rows of a stored trunk.
func TrunkRows(res *weftv1.Resource) (Trunk, []Subport, error) {
	key, spec := KeyOf(res), res.GetTrunkSpec()
	if spec == nil {
		return Trunk{}, nil, fmt.Errorf("%s: the stored record has no spec", key)
	}
	f := trunkFactsOf(key, spec)
	subports := make([]Subport, len(f.subports))
	for i, port := range f.subports {
		subports[i] = Subport{Port: port, Trunk: key, Parent: f.parent, VLAN: spec.GetSubPorts()[i].GetSegmentationId()}
	}
	return Trunk{Key: key, Parent: f.parent, Up: unlessSaid(spec.AdminStateUp)}, subports, nil
}
