package compile

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-sdn/weft/controller/table"
)

// result is what came of one unit's run. Its slices belong to a worker and are valid until the chunk has been merged.
type result struct {
	unit    *unit
	reads   table.Reader
	emits   []emission
	rows    []rowClaim
	notes   []Note
	edges   []int // tables read that the rule was not known to read
	same    bool  // output equals that of the last run
	gone    bool  // the row is gone, and the unit with it
	problem *Problem
	took    time.Duration
}

const (
	chunkSize    = 1024 // units run before their results are merged: bounds the memory of results
	maxBlock     = 16   // units that a worker takes at a time
	parallelFrom = 64
)

// run runs the units, merges their results in order, and brings derived tables in line.
func (e *Engine) run(units []*unit) {
	for chunk := range slices.Chunk(units, chunkSize) {
		results := e.runChunk(chunk)
		for i := range results {
			e.merge(&results[i])
		}
		clear(results)
		for _, o := range e.outs {
			o.reset()
		}
	}
	for _, d := range e.unsettled {
		d.settle(e)
	}
	clear(e.unsettled)
	e.unsettled = e.unsettled[:0]
}

func (e *Engine) runChunk(units []*unit) []result {
	results := slices.Grow(e.results[:0], len(units))[:len(units)]
	e.results = results
	if len(units) < e.cfg.ParallelFrom || len(e.outs) == 1 {
		for i, u := range units {
			e.outs[0].run(u, &results[i])
		}
		return results
	}
	block := max(1, min(maxBlock, len(units)/(4*len(e.outs))))
	var next atomic.Int64
	var workers sync.WaitGroup
	for _, o := range e.outs {
		workers.Go(func() {
			for {
				from := int(next.Add(int64(block))) - block
				if from >= len(units) {
					return
				}
				for i := from; i < min(from+block, len(units)); i++ {
					o.run(units[i], &results[i])
				}
			}
		})
	}
	workers.Wait()
	return results
}

// run runs one unit and describes what came of it.
func (o *Out) run(u *unit, res *result) {
	start := time.Now()
	o.begin(u)
	*res = result{unit: u}
	res.gone = !o.call(res)
	if o.err != nil {
		o.withdraw()
		if res.problem == nil {
			res.problem = &Problem{Owner: u.owner(), Err: o.err}
		}
		o.notes = append(o.notes, Note{Failed, "Failed", u.rule.full, o.err.Error()})
	}
	s := o.start
	res.reads = o.reader.From(s.reads)
	res.emits, res.rows, res.notes = o.emits[s.emits:], o.rows[s.rows:], o.notes[s.notes:]
	res.same = !res.gone && slices.EqualFunc(u.emits, res.emits, emission.same) &&
		slices.EqualFunc(u.rows, res.rows, rowClaim.same) && slices.Equal(u.notes, res.notes)
	for id := range res.reads.Tables() {
		if !u.rule.reads[id] && !slices.Contains(res.edges, id) {
			res.edges = append(res.edges, id)
		}
	}
	res.took = time.Since(start)
}

// call calls the rule, and turns a panic into a failure of this unit alone.
func (o *Out) call(res *result) (alive bool) {
	u := o.unit
	if u.rule.cycle != "" {
		o.err = fmt.Errorf("%w: %s", ErrCycle, u.rule.cycle)
		return u.rule.source.alive(u.key)
	}
	defer func() {
		if p := recover(); p != nil {
			alive = true
			o.err = fmt.Errorf("%w: %v", ErrPanic, p)
			res.problem = &Problem{Owner: u.owner(), Err: o.err, Stack: debug.Stack()}
		}
	}()
	return u.rule.source.call(u.key, &o.reader, o)
}
