package ovsdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

var seeds = []string{
	`{}`, `{"id":1,"result":[],"error":null}`, `{"method":"update2","params":["weft",{}],"id":null}`, identity("h"),
	`{"Interface":{"00000001-0000-0000-0000-000000000000":{"insert":{"name":"a","ofport":3,"external_ids":["map",[["weft","managed"]]]}}},
	 "Port":{"00000002-0000-0000-0000-000000000000":{"insert":{"name":"a","interfaces":["uuid","00000001-0000-0000-0000-000000000000"]}}},
	 "Bridge":{"00000003-0000-0000-0000-000000000000":{"insert":{"name":"b","ports":["set",[["uuid","00000002-0000-0000-0000-000000000000"]]]}}},
	 "Open_vSwitch":{"00000000-0000-0000-0000-000000000001":{"initial":{"next_cfg":4,"datapath_types":["set",["netdev","system"]]}}},
	 "Controller":{"00000004-0000-0000-0000-000000000000":{"insert":{"target":"tcp:1","is_connected":true,"max_backoff":["set",[]]}}}}`,
	`{"Interface":{"00000001-0000-0000-0000-000000000000":{"modify":{"external_ids":["map",[["a","b"]]],"mtu":1500}}}}`,
	`[{"uuid":["uuid","x"]},{"count":1},{"rows":[{"next_cfg":7}]},{}]`, `[null,{"error":"aborted","details":"x"},null]`,
	`{"a":"\ud834\udd1e \u00e9 \\ \" \/ \b\f\n\r\t","b":[1,-2.5e+3,true,false,null]}`, `"\ud800"`, "\"\xff\"", `[[[[]]]]`, `{"a":01}`,
}

// FuzzCursor: what encoding/json accepts, the cursor accepts, with the same strings (within its bounds of depth and length).
func FuzzCursor(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &cursor{b: b}
		c.skip()
		c.end()
		var want any
		err := json.Unmarshal(b, &want)
		if bounded := len(b) < 64 && bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) < maxDepth; err == nil && bounded && c.err != nil {
			t.Fatalf("refused: %v", c.err)
		}
		if c.err != nil && !errors.Is(c.err, errJSON) {
			t.Fatalf("foreign error %v", c.err)
		}
		if s, ok := want.(string); err == nil && ok {
			c := &cursor{b: b}
			if got := c.str(); c.err != nil || got != s {
				t.Fatalf("string %q (%v), want %q", got, c.err, s)
			}
		}
		var m map[string]string
		if json.Unmarshal(b, &m) == nil {
			got := map[string]string{}
			c := &cursor{b: b}
			c.object(func(k string) {
				if c.peek() == 'n' {
					c.null()
					if _, ok := got[k]; !ok {
						got[k] = ""
					}
				} else {
					got[k] = c.str()
				}
			})
			if c.peek() == '{' || m == nil {
				return
			}
			for k, v := range m {
				if c.err == nil && got[k] != v {
					t.Fatalf("member %q is %q, want %q", k, got[k], v)
				}
			}
		}
	})
}

// FuzzFramer: however the bytes are cut, the same messages come out, and never more than max bytes in one.
func FuzzFramer(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s + s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all := func(r io.Reader) (msgs [][]byte, failure string) {
			var known atomic.Bool
			fr := newFramer(r, Config{MaxMessageBytes: 1000, MessageTimeout: time.Hour}, nil, &known)
			for {
				m, err := fr.next()
				if err != nil {
					return msgs, err.Error()
				}
				if len(m) > 1000 {
					t.Fatalf("message of %d bytes", len(m))
				}
				msgs = append(msgs, bytes.TrimSpace(m))
			}
		}
		whole, err1 := all(bytes.NewReader(b))
		cut, err2 := all(iotest.OneByteReader(bytes.NewReader(b)))
		if len(whole) != len(cut) || err1 != err2 {
			t.Fatalf("%d messages (%s) at once, %d (%s) byte by byte", len(whole), err1, len(cut), err2)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], cut[i]) {
				t.Fatalf("message %d: %q at once, %q byte by byte", i, whole[i], cut[i])
			}
		}
	})
}

// FuzzReplica: two messages in a row leave a replica that either refused them or is sound and can be shown and planned for.
func FuzzReplica(f *testing.F) {
	for _, s := range seeds {
		for _, u := range seeds[4:6] {
			f.Add([]byte(u), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		cfg, err := Config{MaxRows: 100, MaxStateBytes: 1 << 20, KeepIDs: []string{"a"}}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		r := newReplica(cfg)
		for _, b := range [][]byte{one, two} {
			c := &cursor{b: b}
			if r.apply(c) != nil {
				return
			}
			if r.root == nil {
				return
			}
			r.publish()
			checkReplica(t, r)
			d := Desired{Bridges: []DesiredBridge{integration()}, OtherConfig: map[string]string{"a": "b"}}
			for _, op := range makePlan(r, &d).ops {
				if _, err := json.Marshal(op); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// FuzzMessage: any message, and any result of a transaction, is read or refused.
func FuzzMessage(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseMessage(b); err == nil {
			m.failed()
			cfg, _ := Config{}.withDefaults()
			r := newReplica(cfg)
			if updateNotification(r, m.params) == nil {
				r.publish()
				checkReplica(t, r)
			}
			if _, err := transactResult(m.result, nil); err != nil && !errors.Is(err, errJSON) {
				t.Fatalf("foreign error %v", err)
			}
		}
		if o, err := transactResult(b, nil); err == nil && len(o.failure) > 1<<10 {
			t.Fatalf("failure of %d bytes", len(o.failure))
		}
	})
}
