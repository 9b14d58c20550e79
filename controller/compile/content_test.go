package compile

import "testing"

// Two different flows may share a 47-bit hash. They must stay two.
func TestPoolKeepsFlowsWithOneCookieApart(t *testing.T) {
	flowOf := func(instructions string) *content {
		return &content{slotKey: slotKey{kind: kindFlow, table: 1, text: "m"}, instructions: instructions, cookie: 7}
	}
	find := func(p pool, instructions string) *content {
		return p.find(7, slotKey{kind: kindFlow, table: 1}, []byte("m"), []byte(instructions))
	}
	p := pool{}
	a, b, c := p.claim(flowOf("a"), 1), p.claim(flowOf("b"), 2), p.claim(flowOf("c"), 3)
	if again := p.claim(flowOf("b"), 9); again != b || b.refs != 2 || b.since != 2 {
		t.Errorf("an equal flow was not shared: %+v", again)
	}
	for _, f := range []*content{a, b, c} {
		if find(p, f.instructions) != f {
			t.Errorf("flow %q is not found", f.instructions)
		}
	}
	p.release(b)
	if find(p, "b") != b {
		t.Error("a flow that is still claimed was dropped")
	}
	p.release(b)
	if find(p, "b") != nil || find(p, "a") != a || find(p, "c") != c {
		t.Error("releasing one flow of a chain touched the others")
	}
	if p.claim(b, 4) != b || find(p, "b") != b {
		t.Error("a flow that was dropped cannot be claimed again")
	}
	for _, f := range []*content{a, b, c} {
		p.release(f)
	}
	if len(p) != 0 {
		t.Errorf("left in the pool: %v", p)
	}
}
