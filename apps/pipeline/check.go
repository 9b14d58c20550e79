package pipeline

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Checker holds flows against the pipeline. It is the engine's compile.Checker.
type Checker struct{ rows map[uint8]row }

// row is a table's row with its lists as sets.
type row struct {
	Table
	match, set map[flow.FieldID]bool
}

// NewChecker returns a checker for Tables, and for those at points.
func NewChecker(more ...Table) *Checker {
	c := &Checker{rows: map[uint8]row{}}
	for _, t := range slices.Concat(Tables, more) {
		c.rows[t.ID] = row{t, set(t.Match), set(t.Set)}
	}
	return c
}

func set(ids []flow.FieldID) map[flow.FieldID]bool {
	m := make(map[flow.FieldID]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// ByHand is the app whose flows people write, into any table: what they say is theirs to know.
const ByHand = "byhand"

// Check returns an error that says what a flow of a table does that the table's row does not allow.
func (c *Checker) Check(app string, t uint8, m flow.Match, do flow.Actions) error {
	if app == ByHand {
		return nil
	}
	r, ok := c.rows[t]
	if !ok {
		return fmt.Errorf("the pipeline has no table %d", t)
	}
	if !slices.Contains(r.Apps, app) {
		return fmt.Errorf("table %s is not for app %s", r.Name, app)
	}
	for _, f := range m {
		if !r.match[f.ID] && !flow.IsPrerequisite(f.ID) {
			return fmt.Errorf("table %s may not match %s", r.Name, f.ID)
		}
	}
	return r.checkActions(do)
}

func (r row) checkActions(do flow.Actions) error {
	for _, a := range do {
		if id, ok := a.Writes(); ok && !r.set[id] {
			return fmt.Errorf("table %s may not write %s", r.Name, id)
		}
		next, ok := a.Next()
		switch {
		case ok && r.Again != 0 && next == r.Again:
		case ok && next <= r.ID:
			return fmt.Errorf("table %s may not go back to table %d", r.Name, next)
		case ok && !slices.Contains(r.Next, next):
			return fmt.Errorf("table %s may not go on to table %d", r.Name, next)
		}
		if err := r.checkActions(a.Nested()); err != nil {
			return err
		}
	}
	return nil
}
