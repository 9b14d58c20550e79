package pipeline_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/southbound/flow"
)

// TestTablesGoForward holds the literal against itself.
func TestTablesGoForward(t *testing.T) {
	ids := map[uint8]string{}
	for _, table := range pipeline.Tables {
		if other, ok := ids[table.ID]; ok {
			t.Errorf("tables %s and %s have the same number", table.Name, other)
		}
		ids[table.ID] = table.Name
	}
	for _, table := range pipeline.Tables {
		if table.Miss.Goto != 0 && !slices.Contains(table.Next, table.Miss.Goto) {
			t.Errorf("%s: a miss goes on to table %d, which is not among the next ones", table.Name, table.Miss.Goto)
		}
		for _, next := range table.Next {
			if next <= table.ID || ids[next] == "" {
				t.Errorf("%s: goes on to table %d", table.Name, next)
			}
		}
		if table.Doc == "" || len(table.Apps) == 0 {
			t.Errorf("%s: no documentation, or no app", table.Name)
		}
	}
}

// TestRegistersDoNotOverlap holds the register map against itself.
func TestRegistersDoNotOverlap(t *testing.T) {
	for i, a := range pipeline.Registers {
		for _, b := range pipeline.Registers[:i] {
			if slices.ContainsFunc(pipeline.Shared, func(s [2]string) bool { return slices.Contains(s[:], a.Name) && slices.Contains(s[:], b.Name) }) {
				continue
			}
			if a.Sub.ID == b.Sub.ID && a.Sub.Off < b.Sub.Off+b.Sub.Len && b.Sub.Off < a.Sub.Off+a.Sub.Len {
				t.Errorf("%s and %s share bits of %s", a.Name, b.Name, a.Sub.ID)
			}
		}
	}
}

// TestDocumentIsFresh holds docs/pipeline.md against the literals.
func TestDocumentIsFresh(t *testing.T) {
	got, err := os.ReadFile("../../docs/pipeline.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != pipeline.Markdown() {
		t.Error("docs/pipeline.md is out of date: run make gen")
	}
}

func TestCheckRefuses(t *testing.T) {
	tests := []struct {
		name, app string
		table     uint8
		match     flow.Match
		actions   flow.Actions
		want      string
	}{
		{"an unknown table", "l2", 99, nil, nil, "no table 99"},
		{"another app's table", "arp", pipeline.L2, nil, nil, "not for app arp"},
		{"a field that is not the table's", "l2", pipeline.L2, flow.Match{flow.U32(flow.InPort, 1)}, nil, "may not match in_port"},
		{"a write that is not the table's", "l2", pipeline.Classify, nil, flow.Actions{pipeline.OutPort.Set(1)}, "may not write reg1"},
		{"going back", "l2", pipeline.L2, nil, flow.Actions{flow.Goto(pipeline.Resolve)}, "may not go back"},
		{"skipping to where it may not", "l2", pipeline.Classify, nil, flow.Actions{flow.Goto(pipeline.Deliver)}, "may not go on"},
		{"a nested write", "l2", pipeline.Classify, nil, flow.Actions{flow.Clone(pipeline.OutPort.Set(1))}, "may not write reg1"},
	}
	c := pipeline.NewChecker()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := c.Check(test.app, test.table, test.match, test.actions)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

// TestNamesAreReadBack: a flow that is written with the names of tables and registers is read as the same, in every table.
func TestNamesAreReadBack(t *testing.T) {
	words := pipeline.Words(nil)
	for _, table := range pipeline.Tables {
		names := pipeline.Names(table.ID, nil)
		for s, name := range names.Sub {
			m := flow.Match{s.Is(1)}
			do := flow.Actions{s.Set(1), flow.Resubmit(table.ID)}
			want, err := flow.New(table.ID, 7, m, do)
			if err != nil {
				t.Fatal(err)
			}
			text := want.Text(names)
			wide := s.Len > 32 // is matched as the registers that it is made of
			if !strings.Contains(text, "table="+table.Name+", priority=7,") || !wide && !strings.Contains(strings.ReplaceAll(text, "=1 ", "=0x1 "), name+"=0x1 ") || !strings.Contains(text, "->"+name+",") {
				t.Errorf("%s in %s: %s", name, table.Name, text)
			}
			r, err := words.ParseRule(text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			if got, err := flow.New(r.Table, r.Priority, r.Match, r.Actions); err != nil || got != want {
				t.Errorf("%s\nis read as %s, %v", text, got, err)
			}
		}
	}
}
