package sim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Values of columns: an atom (string, int64, bool, uuid), a set of atoms, or a map of strings (RFC 7047 section 5.1).
type (
	uuid string
	set  []any
	dict map[string]string
)

// shape says what a column holds.
type shape uint8

const (
	aString shape = iota
	anInteger
	aBoolean
	optional // a set of at most one
	aSet
	aDict
)

// row is a row of any table. Columns that are not there have their default.
type row map[string]any

var errValue = errors.New("value of the wrong kind")

// schema is the part of vswitch.ovsschema that is here.
func schema() map[string]map[string]shape {
	return map[string]map[string]shape{
		"Open_vSwitch": {
			"bridges": aSet, "manager_options": aSet, "external_ids": aDict, "other_config": aDict, "ovs_version": optional,
			"db_version": optional, "next_cfg": anInteger, "cur_cfg": anInteger, "datapath_types": aSet, "iface_types": aSet,
		},
		"Bridge": {
			"name": aString, "datapath_id": optional, "datapath_type": aString, "fail_mode": optional, "protocols": aSet,
			"controller": aSet, "ports": aSet, "external_ids": aDict, "other_config": aDict,
		},
		"Port": {"name": aString, "interfaces": aSet, "external_ids": aDict, "other_config": aDict, "tag": optional},
		"Interface": {
			"name": aString, "type": aString, "options": aDict, "other_config": aDict, "external_ids": aDict, "bfd": aDict,
			"bfd_status": aDict, "ofport": optional, "ofport_request": optional, "link_state": optional, "admin_state": optional,
			"mac": optional, "mac_in_use": optional, "mtu": optional, "error": optional,
		},
		"Controller": {
			"target": aString, "is_connected": aBoolean, "max_backoff": optional, "inactivity_probe": optional,
			"connection_mode": optional, "external_ids": aDict,
		},
	}
}

// get returns a column's value or its default.
func (r row) get(column string, s shape) any {
	if v, ok := r[column]; ok {
		return v
	}
	switch s {
	case aString:
		return ""
	case anInteger:
		return int64(0)
	case aBoolean:
		return false
	case aDict:
		return dict(nil)
	}
	return set(nil)
}

func (r row) text(column string) string {
	switch v := r[column].(type) {
	case string:
		return v
	case set:
		if len(v) == 1 {
			s, _ := v[0].(string)
			return s
		}
	}
	return ""
}

func (r row) number(column string) (n int64, ok bool) {
	switch v := r[column].(type) {
	case int64:
		return v, true
	case set:
		if len(v) == 1 {
			n, ok = v[0].(int64)
		}
	}
	return n, ok
}

func (r row) ids(column string) (ids []uuid) {
	all, _ := r[column].(set)
	for _, v := range all {
		if id, ok := v.(uuid); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// parse reads a value; names turns the names of rows that the transaction inserts into their ids.
func parse(raw json.RawMessage, s shape, names map[string]uuid) (any, error) {
	switch s {
	case aDict:
		var v struct {
			tag   string
			pairs [][2]string
		}
		if err := json.Unmarshal(raw, &[]any{&v.tag, &v.pairs}); err != nil || v.tag != "map" {
			return nil, fmt.Errorf("%w: %.100s", errValue, raw)
		}
		d := make(dict, len(v.pairs))
		for _, p := range v.pairs {
			d[p[0]] = p[1]
		}
		return d, nil
	case aSet, optional:
		list, err := parseSet(raw, names)
		if err == nil && s == optional && len(list) > 1 {
			err = fmt.Errorf("%w: more than one", errValue)
		}
		return list, err
	}
	v, err := parseAtom(raw, names)
	_, text := v.(string)
	_, number := v.(int64)
	_, truth := v.(bool)
	if err == nil && (s == aString && !text || s == anInteger && !number || s == aBoolean && !truth) {
		err = fmt.Errorf("%w: %.100s", errValue, raw)
	}
	return v, err
}

func parseSet(raw json.RawMessage, names map[string]uuid) (set, error) {
	var tag string
	var list []json.RawMessage
	if json.Unmarshal(raw, &[]any{&tag, &list}) == nil && tag == "set" {
		out := make(set, 0, len(list))
		for _, r := range list {
			v, err := parseAtom(r, names)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	v, err := parseAtom(raw, names)
	return set{v}, err
}

func parseAtom(raw json.RawMessage, names map[string]uuid) (any, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case float64:
		return int64(v), nil
	case []any:
		if len(v) == 2 {
			id, _ := v[1].(string)
			switch v[0] {
			case "uuid":
				return uuid(id), nil
			case "named-uuid":
				if n, ok := names[id]; ok {
					return n, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("%w: %.100s", errValue, raw)
}

// wire returns a value in the form in which it is sent.
func wire(v any) any {
	switch v := v.(type) {
	case uuid:
		return [2]string{"uuid", string(v)}
	case set:
		if len(v) == 1 {
			return wire(v[0])
		}
		list := make([]any, len(v))
		for i := range v {
			list[i] = wire(v[i])
		}
		return []any{"set", list}
	case dict:
		pairs := make([][2]string, 0, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, [2]string{k, v[k]})
		}
		return []any{"map", pairs}
	}
	return v
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case set:
		b, ok := b.(set)
		return ok && len(difference(a, b)) == 0
	case dict:
		b, ok := b.(dict)
		return ok && maps.Equal(a, b)
	}
	return a == b
}

// difference returns what is in one of two sets.
func difference(a, b set) (out set) {
	in := make(map[any]struct{}, len(b))
	for _, v := range b {
		in[v] = struct{}{}
	}
	for _, v := range a {
		if _, both := in[v]; both {
			delete(in, v)
		} else {
			out = append(out, v)
		}
	}
	for _, v := range b {
		if _, only := in[v]; only {
			out = append(out, v)
		}
	}
	return out
}

// change returns what update2 calls a modification (ovsdb-server(7), "monitor_cond").
func changeOf(old, now any, s shape) any {
	switch s {
	case aSet:
		return difference(old.(set), now.(set))
	case aDict:
		d := dict{}
		was, is := old.(dict), now.(dict)
		for k, v := range was {
			if w, ok := is[k]; !ok {
				d[k] = v
			} else if w != v {
				d[k] = w
			}
		}
		for k, v := range is {
			if _, ok := was[k]; !ok {
				d[k] = v
			}
		}
		return d
	}
	return now
}

// mutate returns the value after a mutation.
func mutate(old any, s shape, how string, raw json.RawMessage, names map[string]uuid) (any, error) {
	switch {
	case s == anInteger && how == "+=":
		by, err := parse(raw, anInteger, names)
		if err != nil {
			return nil, err
		}
		return old.(int64) + by.(int64), nil
	case s == aDict && how == "insert":
		add, err := parse(raw, aDict, names)
		if err != nil {
			return nil, err
		}
		out := maps.Clone(add.(dict))
		maps.Copy(out, old.(dict)) // keys that are there keep their value
		return out, nil
	case s == aDict && how == "delete":
		return deleteKeys(old.(dict), raw, names)
	case s == aSet && (how == "insert" || how == "delete"):
		list, err := parseSet(raw, names)
		if err != nil {
			return nil, err
		}
		var out set
		for _, v := range old.(set) {
			if !slices.Contains(list, v) {
				out = append(out, v)
			}
		}
		if how == "insert" {
			out = append(out, list...)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%w: mutation %s", errValue, cmp.Or(how, "without a name"))
}

// deleteKeys removes keys, or pairs.
func deleteKeys(old dict, raw json.RawMessage, names map[string]uuid) (any, error) {
	out := maps.Clone(old)
	if pairs, err := parse(raw, aDict, names); err == nil {
		for k, v := range pairs.(dict) {
			if out[k] == v {
				delete(out, k)
			}
		}
		return out, nil
	}
	keys, err := parseSet(raw, names)
	for _, k := range keys {
		if k, ok := k.(string); ok {
			delete(out, k)
		}
	}
	return out, err
}
