package compile

import "github.com/weft-sdn/weft/southbound/flow"

// The wire form of a flow is its identity here: two flows are alike when their bytes are.

func appendMatch(b []byte, m flow.Match) []byte { return m.AppendOXM(b) }

func appendInstructions(b []byte, do flow.Actions) []byte { return do.AppendInstructions(b) }

func cookie(app uint8, key slotKey, match, instructions []byte) uint64 {
	return flow.Cookie(app, key.table, key.priority, match, instructions)
}
