package sim

import (
	"encoding/json"
	"fmt"
	"maps"

	googleuuid "github.com/google/uuid"
)

// database is the Open_vSwitch database of a host.
type database struct {
	schema map[string]map[string]shape
	tables map[string]map[uuid]row
	root   uuid

	// While a transaction runs: the rows that it touched as they were; nil for those that it made.
	before map[touched]row
}

type touched struct {
	table string
	id    uuid
}

func newDatabase(root row) *database {
	d := &database{schema: schema(), tables: map[string]map[uuid]row{}, before: map[touched]row{}}
	for table := range d.schema {
		d.tables[table] = map[uuid]row{}
	}
	d.root = newUUID()
	d.tables["Open_vSwitch"][d.root] = root
	return d
}

func newUUID() uuid { return uuid(googleuuid.NewString()) }

// operation is an operation of a transaction (RFC 7047 section 5.2).
type operation struct {
	Op        string                       `json:"op"`
	Table     string                       `json:"table"`
	Row       map[string]json.RawMessage   `json:"row"`
	Rows      []map[string]json.RawMessage `json:"rows"`
	Columns   []string                     `json:"columns"`
	Where     [][3]json.RawMessage         `json:"where"`
	Mutations [][3]json.RawMessage         `json:"mutations"`
	UUIDName  string                       `json:"uuid-name"`
	Until     string                       `json:"until"`
}

// transact carries out operations, all or none, and returns a result for each, up to the first that fails.
func (d *database) transact(ops []operation) (results []any, changed map[touched]row) {
	names := map[string]uuid{}
	for i := range ops {
		if ops[i].UUIDName != "" {
			names[ops[i].UUIDName] = newUUID()
		}
	}
	for i := range ops {
		result, err := d.operate(&ops[i], names)
		if err != nil {
			d.rollback()
			results = append(results, map[string]string{"error": "constraint violation", "details": err.Error()})
			for len(results) < len(ops) {
				results = append(results, nil)
			}
			return results, nil
		}
		results = append(results, result)
	}
	d.collect()
	return results, d.commit()
}

func (d *database) operate(o *operation, names map[string]uuid) (any, error) {
	if o.Op == "comment" {
		return struct{}{}, nil
	}
	columns, ok := d.schema[o.Table]
	if !ok {
		return nil, fmt.Errorf("no table %q", o.Table)
	}
	if o.Op == "insert" {
		id := names[o.UUIDName]
		if id == "" {
			id = newUUID()
		}
		d.touch(o.Table, id)
		d.tables[o.Table][id] = row{}
		return map[string]any{"uuid": wire(id)}, d.write(o, id, names)
	}
	ids, err := d.where(o, names)
	if err != nil {
		return nil, err
	}
	switch o.Op {
	case "update":
		for _, id := range ids {
			d.touch(o.Table, id)
			if err := d.write(o, id, names); err != nil {
				return nil, err
			}
		}
		return map[string]int{"count": len(ids)}, nil
	case "mutate":
		for _, id := range ids {
			d.touch(o.Table, id)
			if err := d.mutateRow(o, id, columns, names); err != nil {
				return nil, err
			}
		}
		return map[string]int{"count": len(ids)}, nil
	case "delete":
		for _, id := range ids {
			d.touch(o.Table, id)
			delete(d.tables[o.Table], id)
		}
		return map[string]int{"count": len(ids)}, nil
	case "select":
		rows := make([]any, 0, len(ids))
		for _, id := range ids {
			rows = append(rows, d.show(o.Table, id, o.Columns))
		}
		return map[string]any{"rows": rows}, nil
	case "wait":
		return struct{}{}, d.holds(o, ids, names)
	}
	return nil, fmt.Errorf("operation %q: %w", o.Op, ErrNotModelled)
}

func (d *database) write(o *operation, id uuid, names map[string]uuid) error {
	for column, raw := range o.Row {
		s, ok := d.schema[o.Table][column]
		if !ok {
			return fmt.Errorf("no column %s:%s", o.Table, column)
		}
		v, err := parse(raw, s, names)
		if err != nil {
			return fmt.Errorf("%s:%s: %w", o.Table, column, err)
		}
		if column == "fail_mode" && !equal(v, set{"secure"}) && !equal(v, set{"standalone"}) && !equal(v, set{}) {
			return fmt.Errorf("fail_mode %v", v)
		}
		d.tables[o.Table][id][column] = v
	}
	return nil
}

func (d *database) mutateRow(o *operation, id uuid, columns map[string]shape, names map[string]uuid) error {
	for _, m := range o.Mutations {
		var column, how string
		if json.Unmarshal(m[0], &column) != nil || json.Unmarshal(m[1], &how) != nil {
			return fmt.Errorf("mutation %s: %w", m[0], errValue)
		}
		s, ok := columns[column]
		if !ok {
			return fmt.Errorf("no column %s:%s", o.Table, column)
		}
		r := d.tables[o.Table][id]
		v, err := mutate(r.get(column, s), s, how, m[2], names)
		if err != nil {
			return fmt.Errorf("%s:%s: %w", o.Table, column, err)
		}
		r[column] = v
	}
	return nil
}

// where finds rows. Only equality is known.
func (d *database) where(o *operation, names map[string]uuid) (ids []uuid, err error) {
	all := d.tables[o.Table]
	if len(o.Where) == 0 {
		for id := range all {
			ids = append(ids, id)
		}
		return ids, nil
	}
	for i, c := range o.Where {
		var column, how string
		if json.Unmarshal(c[0], &column) != nil || json.Unmarshal(c[1], &how) != nil || how != "==" {
			return nil, fmt.Errorf("condition %s %s: %w", c[0], c[1], ErrNotModelled)
		}
		var found []uuid
		if column == "_uuid" {
			v, err := parseAtom(c[2], names)
			if err != nil {
				return nil, err
			}
			id, _ := v.(uuid)
			if _, ok := all[id]; ok {
				found = []uuid{id}
			}
		} else {
			s := d.schema[o.Table][column]
			v, err := parse(c[2], s, names)
			if err != nil {
				return nil, err
			}
			for id, r := range all {
				if equal(r.get(column, s), v) {
					found = append(found, id)
				}
			}
		}
		if i == 0 {
			ids = found
			continue
		}
		in := map[uuid]bool{}
		for _, id := range found {
			in[id] = true
		}
		kept := ids[:0]
		for _, id := range ids {
			if in[id] {
				kept = append(kept, id)
			}
		}
		ids = kept
	}
	return ids, nil
}

// holds is the wait operation, which here never waits.
func (d *database) holds(o *operation, ids []uuid, names map[string]uuid) error {
	same := len(ids) == len(o.Rows)
	for i, id := range ids[:min(len(ids), len(o.Rows))] {
		for column, raw := range o.Rows[i] {
			s := d.schema[o.Table][column]
			v, err := parse(raw, s, names)
			if err != nil {
				return err
			}
			same = same && equal(d.tables[o.Table][id].get(column, s), v)
		}
	}
	if same != (o.Until == "==") {
		return fmt.Errorf("timed out: %s is not as expected", o.Table)
	}
	return nil
}

// touch remembers a row as it was before the transaction.
func (d *database) touch(table string, id uuid) {
	t := touched{table, id}
	if _, known := d.before[t]; !known {
		d.before[t] = maps.Clone(d.tables[table][id])
	}
}

func (d *database) rollback() {
	for t, r := range d.before {
		if r == nil {
			delete(d.tables[t.table], t.id)
		} else {
			d.tables[t.table][t.id] = r
		}
	}
	clear(d.before)
}

// commit returns the rows that were touched as they were.
func (d *database) commit() map[touched]row {
	b := d.before
	d.before = map[touched]row{}
	return b
}

// collect removes rows that nothing refers to any more.
func (d *database) collect() {
	if len(d.before) == 0 {
		return
	}
	live := map[uuid]bool{}
	for _, b := range d.tables["Open_vSwitch"][d.root].ids("bridges") {
		live[b] = true
		br := d.tables["Bridge"][b]
		for _, c := range br.ids("controller") {
			live[c] = true
		}
		for _, p := range br.ids("ports") {
			live[p] = true
			for _, i := range d.tables["Port"][p].ids("interfaces") {
				live[i] = true
			}
		}
	}
	for _, table := range [...]string{"Bridge", "Port", "Interface", "Controller"} {
		for id := range d.tables[table] {
			if !live[id] {
				d.touch(table, id)
				delete(d.tables[table], id)
			}
		}
	}
}

// show returns columns of a row in wire form.
func (d *database) show(table string, id uuid, columns []string) map[string]any {
	out := make(map[string]any, len(columns))
	r := d.tables[table][id]
	for _, c := range columns {
		if s, ok := d.schema[table][c]; ok {
			out[c] = wire(r.get(c, s))
		}
	}
	return out
}

// set writes columns within the transaction that runs.
func (d *database) set(table string, id uuid, values row) {
	r := d.tables[table][id]
	for column, v := range values {
		if !equal(r.get(column, d.schema[table][column]), v) {
			d.touch(table, id)
			r[column] = v
		}
	}
}

// insert adds a row within the transaction that runs.
func (d *database) insert(table string, values row) uuid {
	id := newUUID()
	d.touch(table, id)
	d.tables[table][id] = values
	return id
}
