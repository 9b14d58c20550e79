package ovsdb

import (
	"encoding/json"
	"fmt"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// database is the one database we speak about, monitorID the name we give to our one monitor.
const (
	database  = "Open_vSwitch"
	monitorID = "weft"
)

// message is a JSON-RPC 1.0 message (RFC 7047 section 4). The raw parts alias the bytes that it was read from.
type message struct {
	method                    string
	params, id, result, error []byte
}

func parseMessage(b []byte) (m message, err error) {
	c := &cursor{b: b}
	c.object(func(key string) {
		switch key {
		case "method":
			if c.peek() == 'n' {
				c.null()
			} else {
				m.method = c.str()
			}
		case "params":
			m.params = c.raw()
		case "id":
			m.id = c.raw()
		case "result":
			m.result = c.raw()
		case "error":
			m.error = c.raw()
		default:
			c.skip()
		}
	})
	c.end()
	return m, c.err
}

// failed says whether a reply carries an error, and which, shortened: the text comes from the peer.
func (m message) failed() (string, bool) {
	if len(m.error) == 0 || string(m.error) == "null" {
		return "", false
	}
	return fmt.Sprintf("%.300q", m.error), true
}

func request(id uint64, method string, params []any) ([]byte, error) {
	return json.Marshal(struct {
		ID     uint64 `json:"id"`
		Method string `json:"method"`
		Params []any  `json:"params"`
	}{id, method, params})
}

// reply answers a request of the peer with raw result or error.
func reply(id, result, err []byte) []byte {
	out := append([]byte(`{"id":`), id...)
	out = append(append(out, `,"result":`...), result...)
	out = append(append(out, `,"error":`...), err...)
	return append(out, '}')
}

// monitorRequest asks for all rows, once now and then whenever they change, as differences: with thousands of ports on a bridge a
// whole row would be sent for each port that comes.
func monitorRequest() []any {
	requests := make(map[string]wire.MonitorRequest)
	for table, cols := range columns() {
		requests[table] = wire.MonitorRequest{Columns: cols, Select: wire.NewDefaultMonitorSelect()}
	}
	return wire.NewMonitorArgs(database, monitorID, requests)
}

// updateNotification applies the params of an update2: [monitor id, <table-updates2>].
func updateNotification(r *replica, params []byte) error {
	c := &cursor{b: params}
	n := 0
	var err error
	c.array(func() {
		switch n {
		case 0:
			if id := c.str(); id != monitorID {
				c.fail("update of monitor %.40q", id)
			}
		case 1:
			err = r.apply(c)
		default:
			c.fail("update with more than two params")
		}
		n++
	})
	if err != nil {
		return err
	}
	if c.err == nil && n != 2 {
		c.fail("update with %d params", n)
	}
	return c.err
}

// outcome is what a transaction's reply says.
type outcome struct {
	nextCfg int64
	failure string // of the first operation that failed; the whole transaction then did nothing
}

// transactResult reads the result of transact: one element an operation, null or an object, and one more when the commit failed.
func transactResult(result []byte, ops []wire.Operation) (o outcome, err error) {
	c := &cursor{b: result}
	n := 0
	c.array(func() {
		if c.peek() == 'n' {
			c.null()
			n++
			return
		}
		failure, details := "", ""
		c.object(func(key string) {
			switch key {
			case "error":
				failure = c.optNullText()
			case "details":
				details = c.optNullText()
			case "rows":
				c.array(func() {
					c.object(func(column string) {
						if column == "next_cfg" {
							o.nextCfg = c.integer()
						} else {
							c.skip()
						}
					})
				})
			default:
				c.skip()
			}
		})
		if failure != "" && o.failure == "" {
			at := "commit"
			if n < len(ops) {
				at = ops[n].Op + " " + ops[n].Table
			}
			o.failure = fmt.Sprintf("%s: %.200s: %.500s", at, failure, details)
		}
		n++
	})
	c.end()
	if c.err == nil && n < len(ops) && o.failure == "" {
		c.fail("%d results for %d operations", n, len(ops))
	}
	return o, c.err
}

func (c *cursor) optNullText() string {
	if c.peek() == 'n' {
		c.null()
		return ""
	}
	return c.text()
}
