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

// ActionsText returns a flow's actions in ovs-ofctl's syntax.
func ActionsText(f flow.Flow) string {
	a, err := flow.ParseInstructions([]byte(f.Instructions))
	if err != nil {
		return fmt.Sprintf("(%v)", err)
	}
	return a.String()
}

// Text returns a flow as "table=l2,priority=100,reg0=0x1,… actions=…", with the table's name.
func Text(f flow.Flow) string {
	parts := []string{"table=" + TableName(f.Table), fmt.Sprintf("priority=%d", f.Priority)}
	if m := MatchText(f); m != "" {
		parts = append(parts, m)
	}
	return strings.Join(parts, ",") + " actions=" + ActionsText(f)
}
