package pipeline

import (
	"fmt"
	"regexp"
	"strconv"
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
	return nextTable.ReplaceAllStringFunc(a.String(), func(s string) string {
		number := strings.LastIndexAny(s, ":,=") + 1
		id, err := strconv.ParseUint(s[number:], 10, 8)
		if err != nil {
			return s
		}
		return s[:number] + TableName(uint8(id))
	})
}

// nextTable finds where actions name a table by its number.
var nextTable = regexp.MustCompile(`\b(goto_table:|resubmit\(,|table=)\d+`)

// Text returns a flow as "table=l2,priority=100,reg0=0x1,… actions=…", with the table's name.
func Text(f flow.Flow) string {
	parts := []string{"table=" + TableName(f.Table), fmt.Sprintf("priority=%d", f.Priority)}
	if m := MatchText(f); m != "" {
		parts = append(parts, m)
	}
	return strings.Join(parts, ",") + " actions=" + ActionsText(f)
}
