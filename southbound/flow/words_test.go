package flow

import (
	"errors"
	"testing"
)

// words are names of a table, a port and two registers.
func words() Words {
	return Words{
		Table: func(name string) (uint8, bool) {
			id, ok := map[string]uint8{"l2": 160, "deliver": 240}[name]
			return id, ok
		},
		Port: func(name string) (uint32, bool) {
			p, ok := map[string]uint32{"tap0": 3, "red/vm2": 9}[name]
			return p, ok
		},
		Sub: func(name string) (Sub, bool) {
			s, ok := map[string]Sub{"net": Part(Reg0, 0, 32), "reason": Part(Reg2, 8, 8), "asked": Part(Reg2, 24, 1), "nexthop": Part(Reg6, 0, 32)}[name]
			return s, ok
		},
	}
}

// TestWords: what names say, numbers say.
func TestWords(t *testing.T) {
	for named, plain := range map[string]string{
		"table=l2,net=5,in_port=tap0 actions=goto_table:deliver":                                              "table=160,reg0=5,in_port=3 actions=goto_table:240",
		"table=l2,reason=9,asked=1 actions=output:red/vm2":                                                    "table=160,reg2=0x1000900/0x100ff00 actions=output:9",
		"in_port=red/vm2,reason=0x8/0x8 actions=resubmit(,l2),resubmit(tap0,deliver)":                         "in_port=9,reg2=0x800/0x800 actions=resubmit(,160),resubmit(3,240)",
		"ip,nexthop=10.0.0.1 actions=set_field:7->reason,move:reason->asked,drop":                             "",
		"actions=set_field:7->reason,ct(table=l2,zone=5),set_field:10.0.0.1->nexthop":                         "actions=set_field:0x700/0xff00->reg2,ct(table=160,zone=5),set_field:0xa000001->reg6",
		"actions=learn(table=deliver,net=5,load:3->reg1[]),output:tap0":                                       "actions=learn(table=240,NXM_NX_REG0[]=5,load:3->reg1[]),output:3",
		"actions=set_field:tap0->net,load:1->asked,output:nexthop,set_field:tap0->net":                        "actions=set_field:3->reg0,load:1->reg2[24],output:NXM_NX_REG6[],set_field:3->reg0",
		"actions=bundle(eth_src,0,hrw,ofport,members:tap0,red/vm2),multipath(eth_src,0,modulo_n,4,0,nexthop)": "actions=bundle(eth_src,0,hrw,ofport,members:3,9),multipath(eth_src,0,modulo_n,4,0,NXM_NX_REG6[])",
	} {
		r, err := words().ParseRule(named)
		if plain == "" {
			if err == nil {
				t.Errorf("%q is taken", named)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", named, err)
			continue
		}
		got, err := New(r.Table, r.Priority, r.Match, r.Actions)
		if err != nil {
			t.Errorf("%q: %v", named, err)
			continue
		}
		want, err := ParseFlow(plain)
		if err != nil {
			t.Fatalf("%q: %v", plain, err)
		}
		if got != want {
			t.Errorf("%q\ngot  %s\nwant %s", named, got, want)
		}
	}
}

// TestNamedParts: what Names write, Words read.
func TestNamedParts(t *testing.T) {
	names := Names{
		Table:  func(n uint8) string { return map[uint8]string{160: "l2", 240: "deliver"}[n] },
		Port:   func(n uint32) string { return map[uint32]string{3: "tap0", 9: "red/vm2"}[n] },
		Sub:    map[Sub]string{Part(Reg0, 0, 32): "net", Part(Reg2, 8, 8): "reason", Part(Reg2, 24, 1): "asked", Part(Reg6, 0, 32): "nexthop"},
		PortIn: Part(Reg6, 0, 32),
	}
	for _, text := range []string{
		"table=l2, priority=5,net=0x5,reason=0x9,asked=0x1,in_port=tap0 actions=set_field:0x3->reason,set_field:0x1->asked,goto_table:deliver",
		"table=l2, priority=5,reg2=0x1/0x1,in_port=7 actions=set_field:red/vm2->nexthop,resubmit(,deliver),output:red/vm2",
	} {
		r, err := words().ParseRule(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		f, err := New(r.Table, r.Priority, r.Match, r.Actions)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := f.Text(names); got != text {
			t.Errorf("got  %s\nwant %s", got, text)
		}
	}
}

// TestGroupsAndMetersAsText: what is written is read as the same, and errors say where.
func TestGroupsAndMetersAsText(t *testing.T) {
	for text, want := range map[string]string{
		"group_id=1,type=all,bucket=output:1,output:2,bucket=actions=drop":                                         "group_id=1,type=all,bucket=actions=output:1,output:2,bucket=actions=drop",
		"group_id=0x10 type=select bucket=weight:3,actions=set_field:5->reg0,output:tap0,bucket=weight:1,output:2": "group_id=16,type=select,bucket=weight:3,actions=set_field:0x5->reg0,output:3,bucket=weight:1,actions=output:2",
		"group_id=2,type=ff,bucket=watch_port:tap0,actions=output:3,bucket=watch_group:1,group:1":                  "group_id=2,type=ff,bucket=watch_port:3,actions=output:3,bucket=watch_group:1,actions=group:1",
		"group_id=3,type=indirect,bucket=bucket_id:0,actions=ct(commit,zone=5,nat(dst=10.0.0.1:80)),drop":          "",
		"group_id=4,type=all": "group_id=4,type=all",
	} {
		g, err := words().ParseGroup(text)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if g.String() != want {
			t.Errorf("%q\ngot  %s\nwant %s", text, g, want)
		}
		if again, err := (Words{}).ParseGroup(g.String()); err != nil || again != g {
			t.Errorf("%s is read as %s, %v", g, again, err)
		}
	}
	for text, want := range map[string]string{
		"meter=1,kbps,bands=type=drop,rate=1000":                                                          "meter=1,kbps,bands=type=drop,rate=1000",
		"meter=2 pktps burst stats band=type=drop rate=5 burst_size=9,band=type=drop,rate=7,burst_size=1": "meter=2,pktps,burst,stats,bands=type=drop,rate=5,burst_size=9,band=type=drop,rate=7,burst_size=1",
	} {
		m, err := ParseMeterText(text)
		if err != nil || m.String() != want {
			t.Errorf("%q\ngot  %s, %v\nwant %s", text, m, err, want)
		}
		if again, err := ParseMeterText(m.String()); err != nil || again != m {
			t.Errorf("%s is read as %s, %v", m, again, err)
		}
	}
	for text, at := range map[string]int{
		"type=all,bucket=drop": 0, "group_id=1,bucket=drop": 0, "group_id=1,type=some": 16, "group_id=1,type=all,bucket=weight:x,drop": 34,
		"group_id=1,type=all,bucket=outptu:1": 27, "group_id=1,type=select,selection_method=hash,bucket=drop": 23, "group_id=1,type=all,colour=red": 20,
		"group_id=1,type=ff,bucket=watch_port:eth9,drop": 37,
	} {
		pointsAt(t, text, at, func() error { _, err := words().ParseGroup(text); return err }())
	}
	for text, at := range map[string]int{
		"kbps,band=type=drop,rate=1": 0, "meter=1,band=type=drop,rate=1": 0, "meter=1,kbps": 0, "meter=1,kbps,band=type=dscp_remark,rate=1": 23,
		"meter=1,kbps,rate=1": 13, "meter=1,kbps,band=type=drop,rate=x": 33,
	} {
		pointsAt(t, text, at, func() error { _, err := ParseMeterText(text); return err }())
	}
}

func pointsAt(t *testing.T, text string, at int, err error) {
	t.Helper()
	var e *SyntaxError
	if !errors.As(err, &e) || e.Offset != at {
		t.Errorf("%q: %v, want character %d", text, err, at+1)
	}
}

// FuzzGroupText: no text makes the parsers panic, and what they take is written as what they take as the same.
func FuzzGroupText(f *testing.F) {
	f.Add("group_id=1,type=select,bucket=weight:3,watch_port:5,actions=set_field:5->reg0,output:3,bucket=output:2")
	f.Add("meter=2 pktps burst stats band=type=drop rate=5 burst_size=9,band=type=drop,rate=7,burst_size=1")
	f.Fuzz(func(t *testing.T, s string) {
		if g, err := (Words{}).ParseGroup(s); err == nil {
			if again, err := (Words{}).ParseGroup(g.String()); err != nil || again.String() != g.String() {
				t.Fatalf("%q is written as %q, and that as %q: %v", s, g, again, err)
			}
		}
		if m, err := ParseMeterText(s); err == nil {
			if again, err := ParseMeterText(m.String()); err != nil || again != m {
				t.Fatalf("%q is written as %q, and that as %q: %v", s, m, again, err)
			}
		}
	})
}
