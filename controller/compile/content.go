package compile

import (
	"fmt"

	"github.com/weft-sdn/weft/southbound/flow"
)

// kind of thing that a host can have.
type kind uint8

const (
	kindFlow kind = iota + 1
	kindGroup
	kindMeter
	kindPort
	kindCounter
	kindRow // a derived row; on no host, used in conflicts
)

// slotKey is the place on a host that a content takes. Two contents with the same key cannot both be there.
type slotKey struct {
	kind     kind
	table    uint8
	priority uint16
	id       uint32
	text     string // match of a flow, bridge and name of a port
}

// content is one flow, group, meter or port, shared by all hosts and units that have it.
type content struct {
	slotKey
	instructions string
	cookie       uint64
	other        any      // flow.Group, flow.Meter, OVSPort or CountedFlow
	next         *content // another one with the same cookie
	refs         int      // claims on it
	since        int64    // revision at which it first was there
}

func (c *content) isFlow(key slotKey, mark uint64, match, instructions []byte) bool {
	return c.kind == kindFlow && c.cookie&flow.CookieCounted == mark && c.table == key.table && c.priority == key.priority &&
		c.text == string(match) && c.instructions == string(instructions)
}

// same says whether two contents are alike down to the cookie.
func (c *content) same(d *content) bool {
	if c == d {
		return true
	}
	return c != nil && d != nil && c.slotKey == d.slotKey && c.cookie == d.cookie && c.agrees(d)
}

// agrees says whether two contents for one place do the same there.
func (c *content) agrees(d *content) bool {
	return c == d || c.instructions == d.instructions && c.other == d.other
}

func (c *content) flow() flow.Flow {
	return flow.Flow{Key: c.slotKey.flow(), Instructions: c.instructions, Cookie: c.cookie}
}

func (k slotKey) flow() flow.Key {
	return flow.Key{Table: k.table, Priority: k.priority, Match: k.text}
}

func (k slotKey) String() string {
	switch k.kind {
	case kindFlow:
		return fmt.Sprintf("flow table=%d priority=%d match=%x", k.table, k.priority, k.text)
	case kindGroup:
		return fmt.Sprintf("group %d", k.id)
	case kindMeter:
		return fmt.Sprintf("meter %d", k.id)
	case kindCounter:
		return fmt.Sprintf("counter of the flow table=%d priority=%d match=%x", k.table, k.priority, k.text)
	case kindRow:
		return "derived row " + k.text
	}
	return fmt.Sprintf("port %q", k.text)
}

// pool finds contents by cookie, so that equal ones are one. Groups, meters and ports are few and not pooled.
type pool map[uint64]*content

// find returns the flow with this cookie and content.
func (p pool) find(cookie uint64, key slotKey, match, instructions []byte) *content {
	for c := p[cookie]; c != nil; c = c.next {
		if c.isFlow(key, cookie&flow.CookieCounted, match, instructions) {
			return c
		}
	}
	return nil
}

// claim returns the pooled content equal to c, which is c itself if there was none, with one claim more.
func (p pool) claim(c *content, rev int64) *content {
	if c.refs == 0 {
		c = p.adopt(c, rev)
	}
	c.refs++
	return c
}

func (p pool) adopt(c *content, rev int64) *content {
	if c.kind == kindFlow {
		for d := p[c.cookie]; d != nil; d = d.next {
			if d.same(c) {
				return d
			}
		}
		c.next = p[c.cookie]
		p[c.cookie] = c
	}
	if c.since == 0 {
		c.since = rev
	}
	return c
}

// release takes one claim back; a content without claims leaves the pool.
func (p pool) release(c *content) {
	if c.refs--; c.refs > 0 || c.kind != kindFlow {
		return
	}
	at := p[c.cookie]
	switch {
	case at != c:
		for at.next != c {
			at = at.next
		}
		at.next = c.next
	case c.next == nil:
		delete(p, c.cookie)
	default:
		p[c.cookie] = c.next
	}
	c.next = nil
}
