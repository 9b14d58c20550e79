package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// PlugDummy gives a dummy host one interface for each iface-id, in one transaction, and returns when ovs-vswitchd has
// given every one its OpenFlow port. The interfaces are called dN, from the number of those plugged before.
func (h *Host) PlugDummy(bridge string, ifaceIDs []string) error {
	if !h.opts.Dummy {
		return fmt.Errorf("host %s: not a dummy host", h.name)
	}
	first, err := h.countDummies(bridge)
	if err != nil {
		return h.wrap(err)
	}
	ops := make([]any, 0, 2*len(ifaceIDs)+3)
	ports := make([]any, 0, len(ifaceIDs))
	for i, id := range ifaceIDs {
		name := fmt.Sprintf("d%d", first+i)
		iface, port := fmt.Sprintf("i%d", i), fmt.Sprintf("p%d", i)
		ops = append(ops,
			insert("Interface", iface, map[string]any{"name": name, "external_ids": ovsMap("iface-id", id)}),
			insert("Port", port, map[string]any{"name": name, "interfaces": []any{"named-uuid", iface}}))
		ports = append(ports, []any{"named-uuid", port})
	}
	ops = append(ops,
		map[string]any{
			"op": "mutate", "table": "Bridge", "where": []any{[]any{"name", "==", bridge}},
			"mutations": []any{[]any{"ports", "insert", []any{"set", ports}}},
		},
		map[string]any{
			"op": "mutate", "table": "Open_vSwitch", "where": []any{},
			"mutations": []any{[]any{"next_cfg", "+=", 1}},
		},
		map[string]any{"op": "select", "table": "Open_vSwitch", "where": []any{}, "columns": []string{"next_cfg"}})
	results, err := h.transact(ops)
	if err != nil {
		return h.wrap(err)
	}
	var selected struct {
		Rows []struct {
			NextCfg int `json:"next_cfg"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(results[len(ops)-1], &selected); err != nil || len(selected.Rows) != 1 {
		return h.wrap(fmt.Errorf("unexpected answer of ovsdb-server: %s", results[len(ops)-1]))
	}
	_, err = h.Vsctl("--timeout=300", "wait-until", "Open_vSwitch", ".", fmt.Sprintf("cur_cfg>=%d", selected.Rows[0].NextCfg))
	return err
}

// countDummies is how many ports the bridge has.
func (h *Host) countDummies(bridge string) (int, error) {
	results, err := h.transact([]any{map[string]any{
		"op": "select", "table": "Bridge", "where": []any{[]any{"name", "==", bridge}}, "columns": []string{"ports"},
	}})
	if err != nil {
		return 0, err
	}
	var selected struct {
		Rows []struct {
			Ports []any `json:"ports"` // ["set",[…]] or ["uuid","…"]
		} `json:"rows"`
	}
	if err := json.Unmarshal(results[0], &selected); err != nil {
		return 0, err
	}
	if len(selected.Rows) != 1 || len(selected.Rows[0].Ports) != 2 {
		return 0, fmt.Errorf("bridge %s does not exist", bridge)
	}
	if set, ok := selected.Rows[0].Ports[1].([]any); ok {
		return len(set), nil
	}
	return 1, nil
}

func insert(table, name string, row map[string]any) map[string]any {
	return map[string]any{"op": "insert", "table": table, "uuid-name": name, "row": row}
}

func ovsMap(key, value string) []any { return []any{"map", []any{[]any{key, value}}} }

// transact runs OVSDB operations (RFC 7047, 4.1.3) in one transaction. ovs-vsctl takes minutes for thousands of ports,
// and ovsdb-client takes no transaction longer than one argument may be.
func (h *Host) transact(ops []any) ([]json.RawMessage, error) {
	conn, err := net.Dial("unix", h.file("db.sock"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return nil, err
	}
	request := map[string]any{"id": 1, "method": "transact", "params": append([]any{"Open_vSwitch"}, ops...)}
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return nil, err
	}
	var reply struct {
		Result []json.RawMessage `json:"result"`
		Error  json.RawMessage   `json:"error"`
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return nil, err
	}
	if len(reply.Error) > 0 && string(reply.Error) != "null" {
		return nil, errors.New(string(reply.Error))
	}
	for _, r := range reply.Result {
		var failed struct{ Error, Details string }
		if json.Unmarshal(r, &failed) == nil && failed.Error != "" {
			return nil, fmt.Errorf("%s: %s", failed.Error, failed.Details)
		}
	}
	if len(reply.Result) < len(ops) {
		return nil, fmt.Errorf("ovsdb-server answered %d of %d operations", len(reply.Result), len(ops))
	}
	return reply.Result, nil
}
