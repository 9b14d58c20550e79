package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/table"
)

// Emit wants a row in a derived table: a table that only rules write, for other rules to read.
//
// A row stays as long as some unit emits it. Units that emit different rows with the same key are in conflict, which is
// reported; the smaller owner's row is taken.
func Emit[K comparable, R any](o *Out, t *table.Table[K, R], row R) {
	if o.err != nil {
		return
	}
	if i := len(o.rows) - o.start.rows; i < len(o.unit.rows) {
		if was, ok := o.unit.rows[i].(*rowOf[K, R]); ok && was.t == t && t.Equal(was.row, row) {
			o.rows = append(o.rows, was)
			return
		}
	}
	o.rows = append(o.rows, &rowOf[K, R]{t, row})
}

// rowClaim is an emitted row with its types hidden.
type rowClaim interface {
	same(rowClaim) bool
	tableID() int
	claim(e *Engine, u *unit)
	release(e *Engine, u *unit)
}

// settler is a derived table that brings its rows in line with the claims on them.
type settler interface{ settle(e *Engine) }

type rowOf[K comparable, R any] struct {
	t   *table.Table[K, R]
	row R
}

func (c *rowOf[K, R]) tableID() int { return c.t.ID() }

func (c *rowOf[K, R]) same(other rowClaim) bool {
	o, ok := other.(*rowOf[K, R])
	return ok && (c == o || c.t == o.t && c.t.Key(c.row) == c.t.Key(o.row) && c.t.Equal(c.row, o.row))
}

func (c *rowOf[K, R]) claim(e *Engine, u *unit) {
	cell := derivedOf(e, c.t).touch(e, c.t.Key(c.row))
	for i := range cell.wants {
		if c.t.Equal(cell.wants[i].row, c.row) {
			cell.wants[i].units = append(cell.wants[i].units, u)
			return
		}
	}
	cell.wants = append(cell.wants, want[R]{c.row, []*unit{u}})
}

func (c *rowOf[K, R]) release(e *Engine, u *unit) {
	cell := derivedOf(e, c.t).touch(e, c.t.Key(c.row))
	i := slices.IndexFunc(cell.wants, func(w want[R]) bool { return c.t.Equal(w.row, c.row) })
	w := &cell.wants[i]
	at, last := slices.Index(w.units, u), len(w.units)-1
	w.units[at], w.units[last] = w.units[last], nil
	w.units = w.units[:last]
	if last == 0 {
		cell.wants = slices.Delete(cell.wants, i, i+1)
	}
}

// derived is what units want in one derived table.
type derived[K comparable, R any] struct {
	*table.Table[K, R]
	cells   map[K]*cell[R]
	touched []K // cells whose wants changed since settle
}

// cell is what units want for one key.
type cell[R any] struct {
	wants     []want[R] // by distinct row; more than one is a conflict
	touched   bool
	contested bool
}

type want[R any] struct {
	row   R
	units []*unit
}

func derivedOf[K comparable, R any](e *Engine, t *table.Table[K, R]) *derived[K, R] {
	if d, ok := e.derived[t.ID()]; ok {
		return d.(*derived[K, R])
	}
	d := &derived[K, R]{Table: t, cells: map[K]*cell[R]{}}
	e.derived[t.ID()] = d
	return d
}

func (d *derived[K, R]) touch(e *Engine, k K) *cell[R] {
	c := d.cells[k]
	if c == nil {
		c = &cell[R]{}
		d.cells[k] = c
	}
	if !c.touched {
		c.touched = true
		if len(d.touched) == 0 {
			e.unsettled = append(e.unsettled, d)
		}
		d.touched = append(d.touched, k)
	}
	return c
}

func (d *derived[K, R]) settle(e *Engine) {
	for _, k := range d.touched {
		c := d.cells[k]
		c.touched = false
		if c.contested || len(c.wants) > 1 {
			d.judge(e, k, c)
		}
		if len(c.wants) == 0 {
			delete(d.cells, k)
			d.Delete(k)
			continue
		}
		d.Put(c.wants[0].row)
	}
	clear(d.touched)
	d.touched = d.touched[:0]
}

// judge puts the winner first and reports the conflict, or that there is none any more.
func (d *derived[K, R]) judge(e *Engine, k K, c *cell[R]) {
	for i := range c.wants {
		slices.SortFunc(c.wants[i].units, compareUnits)
	}
	slices.SortFunc(c.wants, func(a, b want[R]) int {
		if by := compareUnits(a.units[0], b.units[0]); by != 0 {
			return by
		}
		return cmp.Compare(fmt.Sprint(a.row), fmt.Sprint(b.row))
	})
	c.contested = len(c.wants) > 1
	var units []*unit
	if c.contested {
		for _, w := range c.wants {
			units = append(units, w.units[0])
		}
	}
	e.report(conflictID{key: slotKey{kind: kindRow, text: d.Text(k)}}, units)
}
