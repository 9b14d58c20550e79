package intent

import (
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	maxLinkCost     = 65535
	defaultLinkCost = 10
)

// linkFacts is what must stay unique of a link: what it joins, the lesser end first.
type linkFacts struct{ ends [2]End }

func linkFactsOf(spec *weftv1.LinkSpec) *linkFacts {
	return &linkFacts{ordered(End{spec.GetA().GetHost(), spec.GetA().GetPort()}, End{spec.GetB().GetHost(), spec.GetB().GetPort()})}
}

// parseLink refuses what can never be a link.
func (t *txn) parseLink(d *draft, spec *weftv1.LinkSpec) {
	for _, end := range []struct {
		field string
		given *weftv1.LinkEnd
	}{{"spec.a", spec.GetA()}, {"spec.b", spec.GetB()}} {
		if problem := nameProblem(end.given.GetHost()); problem != "" {
			t.refuse(d, end.field+".host", ReasonInvalid, "%s", problem)
		}
		if problem := portNameProblem(end.given.GetPort()); problem != "" {
			t.refuse(d, end.field+".port", ReasonInvalid, "%s", problem)
		}
	}
	if !d.bad && spec.GetA().GetHost() == spec.GetB().GetHost() {
		t.refuse(d, "spec.b.host", ReasonInvalid, "%s is the other end, too", spec.GetA().GetHost())
	}
	if c := spec.GetCost(); c > maxLinkCost {
		t.refuse(d, "spec.cost", ReasonInvalid, "%s is too large: at most %s", reported(c), reported(uint32(maxLinkCost)))
	}
}

// portNameProblem says what is wrong with the name of a port, which a bare switch gives as it likes, or of a physical network.
func portNameProblem(s string) string {
	switch {
	case s == "":
		return "is missing"
	case len(s) > maxName:
		return "is too long"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '/' || r > '~' }):
		return "has characters that no port's name has"
	}
	return ""
}

// applyLinks accepts links. All old ones that change go first, so that links can trade ends in one request.
func (t *txn) applyLinks(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.put(d.key, nil)
		}
	}
	for _, d := range drafts {
		t.checkEnds(d)
		f := linkFactsOf(d.given.GetLinkSpec())
		if other, taken := t.links[f.ends]; taken {
			t.refuse(d, "spec", ReasonConflict, "%s joins the same ports", other)
		}
		if !d.bad {
			t.accept(d, nil)
		}
	}
}

// checkEnds demands that the hosts at the ends are there, and that one of them switches labels.
func (t *txn) checkEnds(d *draft) {
	spec, switching := d.given.GetLinkSpec(), false
	for _, end := range []struct {
		field string
		given *weftv1.LinkEnd
	}{{"spec.a", spec.GetA()}, {"spec.b", spec.GetB()}} {
		rec := t.resolve(d, end.field+".host", Key{Kind: KindHost, Name: end.given.GetHost()})
		if rec == nil {
			return
		}
		host := rec.res.GetHostSpec()
		if host.GetUnmanaged() {
			t.refuse(d, end.field+".host", ReasonInvalid, "%s is unmanaged: nobody would send by a link of it", rec.key)
		}
		switching = switching || host.GetDatapathId() != ""
	}
	if !switching && !d.bad {
		t.refuse(d, "spec", ReasonInvalid, "neither end is a bare switch (datapathId)")
	}
}

// LinkRow returns the row of a stored link.
func LinkRow(res *weftv1.Resource) Link {
	spec := res.GetLinkSpec()
	l := Link{Key: KeyOf(res), Ends: linkFactsOf(spec).ends, Cost: spec.GetCost(), Up: unlessSaid(spec.AdminStateUp)}
	if l.Cost == 0 {
		l.Cost = defaultLinkCost
	}
	return l
}

func (s *state) indexLink(link Key, f *linkFacts) {
	if _, taken := s.links[f.ends]; !taken {
		s.links[f.ends] = link
	}
	for _, end := range f.ends {
		host := Key{Kind: KindHost, Name: end.Host}
		if s.linked[host] == nil {
			s.linked[host] = map[Key]struct{}{}
		}
		s.linked[host][link] = struct{}{}
	}
}

func (s *state) unindexLink(link Key, f *linkFacts) {
	if s.links[f.ends] == link {
		delete(s.links, f.ends)
	}
	for _, end := range f.ends {
		host := Key{Kind: KindHost, Name: end.Host}
		delete(s.linked[host], link)
		if len(s.linked[host]) == 0 {
			delete(s.linked, host)
		}
	}
}
