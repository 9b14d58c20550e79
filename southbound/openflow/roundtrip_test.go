package openflow_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"net/netip"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// TestMessagesComeBack: every message parses to what was written, and is written the same again.
func TestMessagesComeBack(t *testing.T) {
	for _, x := range append(controllerMessages(), switchMessages()...) {
		t.Run(x.name, func(t *testing.T) {
			m, rest, err := of.Next(x.b)
			if err != nil || len(rest) != 0 {
				t.Fatalf("%v, %d bytes left", err, len(rest))
			}
			got, again, err := parse(m)
			if err != nil {
				t.Fatal(err)
			}
			same := cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
			if diff := cmp.Diff(x.want, got, same); x.want != nil && diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(again, x.b) {
				t.Errorf("again\n%s, first\n%s", hex.EncodeToString(again), hex.EncodeToString(x.b))
			}
			// Cut short anywhere, it is an error or less, never a panic.
			for n := range len(x.b) - of.HeaderSize {
				cut := of.Message{Header: m.Header, Body: m.Body[:n:n]}
				parse(cut)
			}
		})
	}
}

// TestRepliesSplit: a reply that does not fit in one message becomes several, and loses nothing.
func TestRepliesSplit(t *testing.T) {
	flows := manyFlows(t, 3000)
	r := of.BeginReply(nil, xid, of.MultipartFlow)
	for _, f := range flows {
		r.Entry(func(b []byte) []byte {
			return of.AppendFlowStats(b, &of.FlowStats{Table: f.Table, Priority: f.Priority, Cookie: f.Cookie, Match: []byte(f.Match), Instructions: []byte(f.Instructions)})
		})
	}
	n, messages := 0, 0
	for b := r.End(); len(b) > 0; messages++ {
		m, rest, err := of.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := of.ParseMultipart(m)
		if err != nil || p.Type != of.MultipartFlow || m.XID != xid || p.More() != (len(rest) > 0) {
			t.Fatalf("message %d: %v %+v", messages, err, m.Header)
		}
		for body := p.Body; len(body) > 0; n++ {
			var s of.FlowStats
			if body, err = s.Next(body); err != nil || s.Flow() != flows[n] {
				t.Fatalf("flow %d: %v", n, err)
			}
		}
		b = rest
	}
	if n != len(flows) || messages < 5 {
		t.Errorf("%d flows in %d messages", n, messages)
	}
}
