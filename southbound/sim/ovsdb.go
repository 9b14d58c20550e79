package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// patience bounds how long a peer may not read.
const patience = 30 * time.Second

// ServeOVSDB is the host's ovsdb-server on one connection, until it or ctx ends. It returns why.
func (h *Host) ServeOVSDB(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	p := &peer{conn: conn}
	h.mu.Lock()
	h.peers[p] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.peers, p)
		h.mu.Unlock()
	}()
	for in := json.NewDecoder(conn); ; {
		var m struct {
			Method string            `json:"method"`
			Params []json.RawMessage `json:"params"`
			ID     json.RawMessage   `json:"id"`
		}
		if err := in.Decode(&m); err != nil {
			return err
		}
		if m.Method == "" {
			continue // the reply to an echo of ours, of which there are none
		}
		if err := h.request(p, m.Method, m.Params, m.ID); err != nil {
			return err
		}
	}
}

// request answers one request.
func (h *Host) request(p *peer, method string, params []json.RawMessage, id json.RawMessage) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch method {
	case "echo":
		return p.reply(id, params)
	case "list_dbs":
		return p.reply(id, []string{"Open_vSwitch"})
	case "monitor_cond":
		return h.monitor(p, params, id)
	case "transact":
		return h.transact(p, params, id)
	}
	return p.send(map[string]any{"id": id, "result": nil, "error": "unknown method " + method})
}

func (p *peer) reply(id json.RawMessage, result any) error {
	return p.send(map[string]any{"id": id, "result": result, "error": nil})
}

func (p *peer) send(message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if err = p.conn.SetWriteDeadline(time.Now().Add(patience)); err == nil {
		_, err = p.conn.Write(b)
	}
	if err != nil {
		p.conn.Close()
	}
	return err
}

// monitor starts a monitor of columns. Conditions are not looked at: all rows match.
func (h *Host) monitor(p *peer, params []json.RawMessage, id json.RawMessage) error {
	if len(params) < 3 {
		return fmt.Errorf("monitor_cond of %d params", len(params))
	}
	var requests map[string]json.RawMessage
	if err := json.Unmarshal(params[2], &requests); err != nil {
		return err
	}
	type columns struct {
		Columns []string `json:"columns"`
	}
	m := monitor{id: params[1], tables: map[string][]string{}}
	for table, raw := range requests {
		var list []columns
		if json.Unmarshal(raw, &list) != nil {
			list = make([]columns, 1)
			if err := json.Unmarshal(raw, &list[0]); err != nil {
				return err
			}
		}
		for _, c := range list {
			m.tables[table] = append(m.tables[table], c.Columns...)
		}
	}
	all := map[string]map[uuid]any{}
	for table, columns := range m.tables {
		for id := range h.db.tables[table] {
			if all[table] == nil {
				all[table] = map[uuid]any{}
			}
			all[table][id] = map[string]any{"initial": h.db.show(table, id, columns)}
		}
	}
	p.monitors = append(p.monitors, m)
	return p.reply(id, all)
}

func (h *Host) transact(p *peer, params []json.RawMessage, id json.RawMessage) error {
	if len(params) < 1 {
		return fmt.Errorf("transact without a database")
	}
	ops := make([]operation, len(params)-1)
	for i := range ops {
		if err := json.Unmarshal(params[i+1], &ops[i]); err != nil {
			return err
		}
	}
	results, changed := h.db.transact(ops)
	h.tell(changed)
	if err := p.reply(id, results); err != nil {
		return err
	}
	if len(changed) > 0 {
		h.configure()
	}
	return nil
}

// publish ends a transaction of the host's own.
func (h *Host) publish() { h.tell(h.db.commit()) }

// tell sends updates to all who monitor.
func (h *Host) tell(changed map[touched]row) {
	if len(changed) == 0 {
		return
	}
	for p := range h.peers {
		for i := range p.monitors {
			if u := h.updates(&p.monitors[i], changed); len(u) > 0 {
				_ = p.send(map[string]any{"id": nil, "method": "update2", "params": []any{p.monitors[i].id, u}})
			}
		}
	}
}

func (h *Host) updates(m *monitor, changed map[touched]row) map[string]map[uuid]any {
	all := map[string]map[uuid]any{}
	for t, old := range changed {
		columns, ok := m.tables[t.table]
		if !ok {
			continue
		}
		now := h.db.tables[t.table][t.id]
		var u map[string]any
		switch {
		case old == nil && now == nil:
			continue
		case old == nil:
			u = map[string]any{"insert": h.db.show(t.table, t.id, columns)}
		case now == nil:
			u = map[string]any{"delete": nil}
		default:
			diff := map[string]any{}
			for _, c := range columns {
				s := h.db.schema[t.table][c]
				if was, is := old.get(c, s), now.get(c, s); !equal(was, is) {
					diff[c] = wire(changeOf(was, is, s))
				}
			}
			if len(diff) == 0 {
				continue
			}
			u = map[string]any{"modify": diff}
		}
		if all[t.table] == nil {
			all[t.table] = map[uuid]any{}
		}
		all[t.table][t.id] = u
	}
	return all
}
