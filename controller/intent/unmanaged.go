package intent

import (
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// An unmanaged host is a tunnel endpoint that never connects. What is behind it are ports that name it, since nobody there
// says which interface is whose.

// parseUnmanaged refuses what makes no sense of a host that never connects.
func (t *txn) parseUnmanaged(d *draft, spec *weftv1.HostSpec) {
	if !spec.GetUnmanaged() {
		return
	}
	if spec.GetTunnelIp() == "" {
		t.refuse(d, "spec.tunnelIp", ReasonInvalid, "is missing; an unmanaged host does not say it itself")
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"manager", spec.GetManager() != ""}, {"datapathType", spec.GetDatapathType() != ""}, {"bridgeMappings", len(spec.GetBridgeMappings()) > 0},
		{"datapathId", spec.GetDatapathId() != ""}, {"labelSwitching", spec.GetLabelSwitching()},
		{"penultimateHopPopping", spec.GetPenultimateHopPopping()},
	} {
		if f.given {
			t.refuse(d, "spec."+f.name, ReasonInvalid, "is for hosts that connect, and this one is unmanaged")
		}
	}
}

// keepManaged refuses to make a host that connects of one that does not, or the other way round.
func (t *txn) keepManaged(d *draft) {
	if d.old == nil {
		return
	}
	words := map[bool]string{false: "false", true: "true"}
	t.immutable(d, "spec.unmanaged", words[d.old.res.GetHostSpec().GetUnmanaged()], words[d.given.GetHostSpec().GetUnmanaged()])
}

// parseBehind reads which host a port is behind.
func (t *txn) parseBehind(d *draft, spec *weftv1.PortSpec) {
	s := spec.GetHost()
	if s == "" {
		return
	}
	if problem := nameProblem(s); problem != "" {
		t.refuse(d, "spec.host", ReasonInvalid, "%s", problem)
		return
	}
	d.behind = Key{Kind: KindHost, Name: s}
}

// checkBehind demands that the host that a port is behind is there and is unmanaged.
func (t *txn) checkBehind(d *draft) {
	if d.behind == (Key{}) {
		return
	}
	rec := t.resolve(d, "spec.host", d.behind)
	if rec != nil && !rec.res.GetHostSpec().GetUnmanaged() {
		t.refuse(d, "spec.host", ReasonInvalid, "%s is managed: which of its interfaces is the port's is said there, by the iface-id", d.behind)
	}
	if trunk, in := t.trunked[d.key]; in {
		t.refuse(d, "spec.host", ReasonInvalid, "must be left out: the port is in %s, and of what is plugged into an unmanaged host nothing is known", trunk)
	}
}

// behind is the key of the host that a port's spec names; the zero Key for none.
func behind(spec *weftv1.PortSpec) Key {
	if spec.GetHost() == "" {
		return Key{}
	}
	return Key{Kind: KindHost, Name: spec.GetHost()}
}

func (s *state) indexBehind(port Key, f *portFacts) {
	if f.behind == (Key{}) {
		return
	}
	if s.behind[f.behind] == nil {
		s.behind[f.behind] = map[Key]struct{}{}
	}
	s.behind[f.behind][port] = struct{}{}
}

func (s *state) unindexBehind(port Key, f *portFacts) {
	delete(s.behind[f.behind], port)
	if len(s.behind[f.behind]) == 0 {
		delete(s.behind, f.behind)
	}
}
