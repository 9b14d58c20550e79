package flow

import "slices"

// Redirect returns the actions with every table that they send packets to replaced by what to says of it. Actions that change
// nothing are returned as they are; the slice given is never written.
func (a Actions) Redirect(to func(table uint8) uint8) Actions {
	out := a
	for i := range a {
		changed, did := a[i].redirect(to)
		if !did {
			continue
		}
		if &out[0] == &a[0] {
			out = slices.Clone(a)
		}
		out[i] = changed
	}
	return out
}

func (a Action) redirect(to func(uint8) uint8) (Action, bool) {
	switch a.kind {
	case kindGoto, kindResubmit, kindResubmitCT:
		next := to(a.table)
		did := next != a.table
		a.table = next
		return a, did
	}
	switch more := a.more.(type) {
	case Actions:
		if inner := more.Redirect(to); len(more) > 0 && &inner[0] != &more[0] {
			a.more = inner
			return a, true
		}
	case *CTSpec:
		next := more.Table
		if next.on {
			next.table = to(next.table)
		}
		inner := more.Exec.Redirect(to)
		if next != more.Table || len(inner) > 0 && &inner[0] != &more.Exec[0] {
			spec := *more
			spec.Table, spec.Exec = next, inner
			a.more = &spec
			return a, true
		}
	}
	return a, false
}
