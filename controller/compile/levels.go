package compile

import (
	"maps"
	"slices"
	"strings"
)

// Rules that feed a derived table run before those that read it, so that a unit seldom runs on rows that are about to
// change. Who feeds and who reads what is learned from the units as they run: rules need not declare it. What is not yet
// learned costs a second run, never a wrong result.

// learn adds what a unit's run shows of its rule's place among the others.
func (e *Engine) learn(r *rule, res *result) {
	for _, id := range res.edges {
		if !r.reads[id] {
			r.reads[id] = true
			e.relevel = true
		}
	}
	for _, c := range res.rows {
		if id := c.tableID(); !r.writes[id] {
			r.writes[id] = true
			e.relevel = true
		}
	}
}

// sortLevels gives every rule its level, and finds the rules that depend on their own output. Their units fail, all of
// them, rather than ever chase each other.
func (e *Engine) sortLevels() {
	if !e.relevel {
		return
	}
	e.relevel = false
	for _, r := range e.rules {
		if r.cycle == "" {
			if path := e.pathTo(r, r, map[*rule]bool{}); path != nil {
				r.cycle = strings.Join(append(path, r.full), " feeds ")
				for _, u := range r.units {
					e.enqueue(u)
				}
				slices.SortFunc(r.queue, compareUnits)
			}
		}
	}
	for raised := true; raised; { // it ends: what is left has no cycles
		raised = false
		for _, r := range e.rules {
			for _, reader := range e.rules {
				if reader.level <= r.level && r.cycle == "" && reader.cycle == "" && r.feeds(reader) {
					reader.level, raised = r.level+1, true
				}
			}
		}
	}
}

// feeds says whether r writes a table that reader reads.
func (r *rule) feeds(reader *rule) bool {
	for id := range maps.Keys(r.writes) {
		if reader.reads[id] {
			return true
		}
	}
	return false
}

// pathTo returns the names of the rules on a way from r to goal, r's first, or nil when r does not feed goal.
func (e *Engine) pathTo(r, goal *rule, seen map[*rule]bool) []string {
	seen[r] = true
	for _, next := range e.rules {
		if !r.feeds(next) {
			continue
		}
		if next == goal {
			return []string{r.full}
		}
		if seen[next] {
			continue
		}
		if path := e.pathTo(next, goal, seen); path != nil {
			return append([]string{r.full}, path...)
		}
	}
	return nil
}

// next takes the units to be run next: those of the lowest level that has any. A rule that never ran first runs a single
// unit, to learn its place.
func (e *Engine) next(batch []*unit) []*unit {
	level := -1
	for _, r := range e.rules {
		if n := len(r.queue); n > 0 {
			if r.runs == 0 && r.cycle == "" {
				batch = append(batch, r.take(1)...)
			} else if level < 0 || r.level < level {
				level = r.level
			}
		}
	}
	if len(batch) > 0 {
		return batch
	}
	for _, r := range e.rules {
		if r.level == level && len(r.queue) > 0 {
			batch = append(batch, r.take(len(r.queue))...)
		}
	}
	return batch
}

// take removes the first n units from the queue. They are valid until one is queued.
func (r *rule) take(n int) []*unit {
	taken := r.queue[:n]
	for _, u := range taken {
		u.queued = false
	}
	if n == len(r.queue) {
		r.queue = r.queue[:0]
	} else {
		r.queue = r.queue[n:]
	}
	return taken
}
