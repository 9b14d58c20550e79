package pipeline

import (
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/southbound/flow"
)

// Markdown is the reference of the pipeline, docs/pipeline.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# The pipeline\n\nGenerated from `apps/pipeline` by `make gen`. Do not edit.\n\n")
	b.WriteString("## Tables\n\n| id | name | next | a miss | apps | what it does |\n|---|---|---|---|---|---|\n")
	for _, t := range Tables {
		miss := "drops"
		if t.Miss.Goto != 0 {
			miss = "goes on to " + TableName(t.Miss.Goto)
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s | %s | %s |\n", t.ID, t.Name, names(t.Next, TableName), miss, strings.Join(t.Apps, ", "), t.Doc)
	}
	b.WriteString("\n## Fields\n\nWhat flows of a table may match (beside `eth_type` and `nw_proto`) and write.\n\n| table | matches | writes |\n|---|---|---|\n")
	for _, t := range Tables {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", t.Name, names(t.Match, flow.FieldID.String), names(t.Set, flow.FieldID.String))
	}
	b.WriteString("\n## Points\n\nWhere apps of other people have tables (docs/writing-apps.md).\n\n| point | numbers | what passes it |\n|---|---|---|\n")
	for _, p := range Points {
		first, last := p.Point.room()
		fmt.Fprintf(&b, "| %s | %d to %d | %s |\n", p.Point, first, last, p.Doc)
	}
	b.WriteString("\n## Registers\n\nRegisters are zero when a frame enters the pipeline.\n\n| name | where | what |\n|---|---|---|\n")
	for _, r := range Registers {
		fmt.Fprintf(&b, "| `%s` | %s[%d..%d] | %s |\n", r.Name, r.Sub.ID, r.Sub.Off, int(r.Sub.Off)+int(r.Sub.Len)-1, r.Doc)
	}
	return b.String()
}

// names lists things by name, each once.
func names[T comparable](ids []T, name func(T) string) string {
	var all []string
	seen := map[T]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			all = append(all, name(id))
		}
	}
	return strings.Join(all, ", ")
}
