package intent

import (
	"encoding/json"
	"maps"

	"github.com/weft-sdn/weft/controller/alloc"
)

// headKey is compared and rewritten by every transaction over resources, so that those of several controllers come one
// after the other.
const headKey = "meta/head"

// head is what was allocated last. The next allocation continues from there, so that what was freed is not given to
// another one at once: switches and people may still remember who had it.
type head struct {
	Tag  alloc.ID            `json:"tag"` // of networks
	IDs  map[string]alloc.ID `json:"ids"` // on the wire, by type of network
	Zone alloc.ID            `json:"zone,omitempty"`
	List alloc.ID            `json:"list,omitempty"` // of lists of rules and address groups
}

func (h head) clone() head {
	ids := maps.Clone(h.IDs)
	if ids == nil {
		ids = map[string]alloc.ID{}
	}
	return head{h.Tag, ids, h.Zone, h.List}
}

func (h head) marshal() ([]byte, error) { return json.Marshal(h) }

func unmarshalHead(raw []byte) (head, error) {
	var h head
	err := json.Unmarshal(raw, &h)
	return h, err
}
