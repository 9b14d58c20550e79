package intent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/alloc"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// maxSegments is the most ways in which one network may be carried.
const maxSegments = 8

// wantedSegment is a segment as a spec asks for it.
type wantedSegment struct {
	segmentFacts
	field string // what its fields' names begin with: "spec.", "spec.segments[1]."
}

// networkType is the type of a network, with its default.
func networkType(typ string) string {
	if typ == "" {
		return encapsulations()[0].typ
	}
	return typ
}

// parseSegments reads how a network is to be carried.
func (t *txn) parseSegments(d *draft, spec *weftv1.NetworkSpec) {
	given := []*weftv1.NetworkSegment{{
		Type: spec.GetType(), PhysicalNetwork: spec.GetPhysicalNetwork(), SegmentationId: spec.GetSegmentationId(), InnerVlanId: spec.GetInnerVlanId(),
	}}
	prefix := func(int) string { return "spec." }
	if n := len(spec.GetSegments()); n > 0 {
		if g := given[0]; g.GetType() != "" || g.GetPhysicalNetwork() != "" || g.GetSegmentationId() != 0 || g.GetInnerVlanId() != 0 {
			t.refuse(d, "spec.segments", ReasonInvalid, "take the place of type, physicalNetwork, segmentationId and innerVlanId, and one of these is given, too")
			return
		}
		if n > maxSegments {
			t.refuse(d, "spec.segments", ReasonInvalid, "are %d; at most %d", n, maxSegments)
			return
		}
		given, prefix = spec.GetSegments(), func(i int) string { return fmt.Sprintf("spec.segments[%d].", i) }
	}
	for i, g := range given {
		w := wantedSegment{
			segmentFacts{space{networkType(g.GetType()), g.GetPhysicalNetwork()}, alloc.ID(g.GetSegmentationId()), alloc.ID(g.GetInnerVlanId())}, prefix(i),
		}
		t.checkSegment(d, w)
		if slices.ContainsFunc(d.segments, func(o wantedSegment) bool { return o.collides(w.segmentFacts) }) {
			t.refuse(d, strings.TrimSuffix(w.field, "."), ReasonInvalid, "is given twice")
		}
		d.segments = append(d.segments, w)
	}
}

// collides tells whether two segments of one network cannot be told from each other, or need not be two.
func (f segmentFacts) collides(o segmentFacts) bool {
	a, numbered := f.number()
	b, _ := o.number()
	return f.space == o.space && (a == b && numbered || f.typ == "local")
}

// checkSegment refuses what can never be right.
func (t *txn) checkSegment(d *draft, w wantedSegment) {
	e, ok := t.parseType(d, w.field+"type", w.typ)
	if !ok {
		return
	}
	t.checkPhysical(d, w.field+"physicalNetwork", e, w.physical)
	switch {
	case w.id != 0 && !e.numbered():
		t.refuse(d, w.field+"segmentationId", ReasonInvalid, "is given, and networks of type %s have none", w.typ)
	case w.id > e.ids.Last:
		t.refuse(d, w.field+"segmentationId", ReasonInvalid, "%s is too large for %s: at most %s", reported(w.id), w.typ, reported(e.ids.Last))
	case w.id != 0 && w.id < e.ids.First:
		t.refuse(d, w.field+"segmentationId", ReasonInvalid, "%s is too small for %s: at least %s", reported(w.id), w.typ, reported(e.ids.First))
	}
	switch {
	case w.inner != 0 && w.typ != "qinq":
		t.refuse(d, w.field+"innerVlanId", ReasonInvalid, "is for networks of type qinq, and this is %s", w.typ)
	case w.inner > e.ids.Last:
		t.refuse(d, w.field+"innerVlanId", ReasonInvalid, "%s is too large: at most %s", reported(w.inner), reported(e.ids.Last))
	}
}

// checkPhysical demands that a physical network is named where the type is on one, and nowhere else.
func (t *txn) checkPhysical(d *draft, field string, e encapsulation, physical string) {
	switch {
	case !e.physical && physical != "":
		t.refuse(d, field, ReasonInvalid, "is given, and %s is on no physical network", e.typ)
	case e.physical && physical == "":
		t.refuse(d, field, ReasonInvalid, "is missing; %s is on one", e.typ)
	case physical != "":
		if problem := nameProblem(physical); problem != "" {
			t.refuse(d, field, ReasonInvalid, "%s", problem)
		}
	}
}
