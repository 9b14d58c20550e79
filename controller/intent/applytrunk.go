package intent

import (
	"fmt"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	maxSubports = 1000
	maxVLAN     = 4094
)

// trunkFacts is which ports a trunk takes.
type trunkFacts struct {
	parent   Key
	subports []Key // in the order of the spec
}

func trunkFactsOf(key Key, spec *weftv1.TrunkSpec) *trunkFacts {
	f := &trunkFacts{parent: Reference(KindPort, key.Project, spec.GetPort())}
	for _, s := range spec.GetSubPorts() {
		f.subports = append(f.subports, Reference(KindPort, key.Project, s.GetPort()))
	}
	return f
}

func (s *state) indexTrunk(key Key, f *trunkFacts) {
	for _, port := range append([]Key{f.parent}, f.subports...) {
		if _, in := s.trunked[port]; !in {
			s.trunked[port] = key
		}
	}
}

func (s *state) unindexTrunk(key Key, f *trunkFacts) {
	for _, port := range append([]Key{f.parent}, f.subports...) {
		if s.trunked[port] == key {
			delete(s.trunked, port)
		}
	}
}

func (t *txn) parseTrunk(d *draft, spec *weftv1.TrunkSpec) {
	if n := len(spec.GetSubPorts()); n > maxSubports {
		t.refuse(d, "spec.subPorts", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxSubports))
		return
	}
	d.trunk.parent = t.parseOwn(d, "spec.port", spec.GetPort())
	vlans := map[uint32]int{}
	for i, s := range spec.GetSubPorts() {
		field := fmt.Sprintf("spec.subPorts[%d]", i)
		port := t.parseOwn(d, field+".port", s.GetPort())
		switch first := slices.Index(d.trunk.subports, port); {
		case s.GetPort() == "":
		case port == d.trunk.parent:
			t.refuse(d, field+".port", ReasonInvalid, "%q is the trunk's parent", s.GetPort())
		case first >= 0:
			t.refuse(d, field+".port", ReasonInvalid, "is that of subPorts[%d]", first)
		}
		d.trunk.subports = append(d.trunk.subports, port)
		if typ := s.GetSegmentationType(); typ != "" && typ != "vlan" {
			t.refuse(d, field+".segmentationType", ReasonInvalid, "%q is not \"vlan\", the only type that there is", typ)
		}
		switch first, twice := vlans[s.GetSegmentationId()]; {
		case s.GetSegmentationId() < 1 || s.GetSegmentationId() > maxVLAN:
			t.refuse(d, field+".segmentationId", ReasonInvalid, "%d is not between 1 and %s", s.GetSegmentationId(), reported(uint32(maxVLAN)))
		case twice:
			t.refuse(d, field+".segmentationId", ReasonInvalid, "%d is that of subPorts[%d]", s.GetSegmentationId(), first)
		default:
			vlans[s.GetSegmentationId()] = i
		}
	}
}

// parseOwn reads a reference to a port of the same project.
func (t *txn) parseOwn(d *draft, field, ref string) Key { return t.parseOwnOf(d, field, KindPort, ref) }

// parseOwnOf reads a reference to a resource of the same project.
func (t *txn) parseOwnOf(d *draft, field string, kind Kind, ref string) Key {
	key := t.parseRef(d, field, kind, ref)
	if key.Project != d.key.Project && !d.bad {
		t.refuse(d, field, ReasonInvalid, "%q is another project's", ref)
	}
	return key
}

// applyTrunks accepts trunks. All old ones that change go first, so that trunks can trade ports in one request.
func (t *txn) applyTrunks(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		if d.old != nil {
			t.immutable(d, "spec.port", d.old.facts.(*trunkFacts).parent.Name, d.trunk.parent.Name)
		}
		t.takePort(d, "spec.port", d.trunk.parent)
		for i, port := range d.trunk.subports {
			t.takePort(d, fmt.Sprintf("spec.subPorts[%d].port", i), port)
		}
		if !d.bad {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_Trunk{Trunk: &weftv1.TrunkStatus{}}})
		}
	}
}

// takePort refuses a port that a trunk cannot have.
func (t *txn) takePort(d *draft, field string, port Key) {
	rec := t.resolve(d, field, port)
	if rec == nil {
		return
	}
	if f := rec.facts.(*portFacts); f.behind != (Key{}) {
		t.refuse(d, field, ReasonInvalid, "port %q is behind %s, which is unmanaged", port.Name, f.behind)
	}
	if router, in := t.ported[port]; in {
		t.refuse(d, field, ReasonConflict, "port %q is an interface of %s", port.Name, router)
	}
	if balancer, in := t.balanced[port]; in {
		t.refuse(d, field, ReasonConflict, "port %q is that of %s", port.Name, balancer)
	}
	if trunk, in := t.trunked[port]; in {
		part := "a subport"
		if t.records[trunk].facts.(*trunkFacts).parent == port {
			part = "the parent"
		}
		t.refuse(d, field, ReasonConflict, "port %q is %s of %s", port.Name, part, trunk)
	}
}
