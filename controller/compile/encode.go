package compile

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
)

// encode puts the wire form of a flow into o.buf: first the match, then the instructions. The wire form is a flow's
// identity here; two flows are alike when their bytes are.
func (o *Out) encode(key slotKey, m flow.Match, do flow.Actions) (match, instructions []byte, ok bool) {
	if to := o.engine.cfg.Redirect; to != nil {
		do = do.Redirect(func(table uint8) uint8 { return to(key.table, table) })
	}
	buf, err := flow.AppendMatch(o.buf[:0], m)
	cut := len(buf)
	if err == nil {
		buf, err = flow.AppendInstructions(buf, do)
	}
	o.buf = buf
	if err != nil {
		o.err = fmt.Errorf("%w: table %d, priority %d: %w", ErrRefused, key.table, key.priority, err)
		return nil, nil, false
	}
	return buf[:cut], buf[cut:], true
}

// cookie returns a flow's cookie; mark is flow.CookieCounted or 0.
func cookie(app uint8, key slotKey, mark uint64, match, instructions []byte) uint64 {
	return flow.Cookie(app, key.table, key.priority, match, instructions) | mark
}
