package pipeline

import (
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/southbound/flow"
)

// MatchText returns a flow's match in ovs-ofctl's syntax.
func MatchText(f flow.Flow) string {
	m, err := flow.ParseMatch([]byte(f.Match))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return m.String()
}

// ActionsText returns a flow's actions in ovs-ofctl's syntax, with the names of tables.
func ActionsText(f flow.Flow) string {
	a, err := flow.ParseInstructions([]byte(f.Instructions))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return a.Text(flow.Names{Table: TableName})
}

// Text returns a flow as "table=l2,priority=100,reg0=0x1,… actions=…", with the table's name.
func Text(f flow.Flow) string {
	parts := []string{"table=" + TableName(f.Table), fmt.Sprintf("priority=%d", f.Priority)}
	if m := MatchText(f); m != "" {
		parts = append(parts, m)
	}
	return strings.Join(parts, ",") + " actions=" + ActionsText(f)
}

// NamedText returns a flow's match and actions with the names of tables and registers, and of ports where port knows them.
func NamedText(f flow.Flow, port func(uint32) string) (match, actions string) {
	names := Names(f.Table, port)
	m, err := flow.ParseMatch([]byte(f.Match))
	if match = m.Text(names); err != nil {
		match = fmt.Sprintf("(%v)", err)
	}
	a, err := flow.ParseInstructions([]byte(f.Instructions))
	if actions = a.Text(names); err != nil {
		actions = fmt.Sprintf("(%v)", err)
	}
	return match, actions
}
