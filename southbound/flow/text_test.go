package flow

import (
	"errors"
	"testing"
)

// TestSyntaxErrorsPoint: errors say where in the text the trouble is.
func TestSyntaxErrorsPoint(t *testing.T) {
	for _, x := range []struct {
		text string
		at   int // -1: an error about the flow as a whole
	}{
		{"", 0}, {"table=1", 0}, {"table=300 actions=drop", 6}, {"prority=5,actions=drop", 0}, {"tcp,tp_src=70000 actions=drop", 11}, {"tp_src=5 actions=drop", 7},
		{"ip,nw_src=10.0.0.256 actions=drop", 10}, {"ip,nw_src=::1 actions=drop", 10}, {"ip,nw_src=10.0.0.0/33 actions=drop", 19}, {"dl_src=00:11:22:33:44 actions=drop", 7},
		{"ct_state=+trk-foo actions=drop", 14}, {"ct_state=+trk+trk actions=drop", 13}, {"idle_timeout=5 actions=drop", 0},
		{"actions=outptu:1", 8}, {"actions=output:", 15}, {"actions=set_field:5", 18}, {"actions=set_field:5->reg99", 21}, {"actions=load:5->reg0[40]", 21}, {"actions=load:5->reg0[3..1]", 21},
		{"actions=ct(table=5", 8}, {"actions=ct(bogus)", 11}, {"actions=ct(nat(src=1.2.3.x))", 19}, {"actions=clone(output:1", 8}, {"actions=drop)", 12},
		{"actions=goto_table:255", 19}, {"actions=output:1,goto_table:5,output:2", -1}, {"tcp_src=5 actions=drop", -1}, {"arp,tcp_src=5 actions=drop", -1}, {"actions=set_field:0x800->eth_type", -1},
	} {
		_, err := ParseFlow(x.text)
		var e *SyntaxError
		switch {
		case err == nil:
			t.Errorf("%q is taken", x.text)
		case x.at < 0:
			if errors.As(err, &e) {
				t.Errorf("%q: %v", x.text, err)
			}
		case !errors.As(err, &e):
			t.Errorf("%q: no place in %v", x.text, err)
		case e.Offset != x.at:
			t.Errorf("%q: at %d, want %d: %v", x.text, e.Offset, x.at, err)
		}
	}
}

// TestNames: tables, ports and registers by name.
func TestNames(t *testing.T) {
	tag := Part(Reg0, 0, 16)
	f, err := New(40, 100, Match{tag.Is(7), U32(InPort, 3)}, Actions{Part(Reg1, 0, 8).Set(3), Output(9), Resubmit(44), Goto(50)})
	if err != nil {
		t.Fatal(err)
	}
	names := Names{
		Table: func(n uint8) string { return map[uint8]string{40: "l2", 44: "flood", 50: "deliver"}[n] },
		Port:  func(n uint32) string { return map[uint32]string{3: "vm1", 9: "vm2"}[n] },
		Sub:   map[Sub]string{tag: "net", Part(Reg1, 0, 8): "zone"},
	}
	const want = "table=l2, priority=100,net=0x7,in_port=vm1 actions=set_field:0x3->zone,output:vm2,resubmit(,flood),goto_table:deliver"
	if got := f.Text(names); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzText: no text makes the parser panic, and what it takes is written as what it takes as the same.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"table=1,priority=5,tcp,nw_src=10.0.0.0/8,tp_dst=80 actions=ct(commit,zone=reg0[0..15],nat(src=10.0.0.1-10.0.0.9:1-2),exec(set_field:1->ct_mark)),output:5",
		"cookie=0x5, icmp6,icmp_type=135,nd_target=fe80::/10 actions=move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_SRC[],clone(load:0x5->NXM_NX_REG0[3..8],IN_PORT),goto_table:9",
		"vlan_tci=0x1000/0x1000,ct_state=+trk-new,packet_type=(1,0x800) actions=learn(table=5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0x5->reg0[],output:NXM_OF_IN_PORT[])",
		"actions=controller(userdata=01.02,pause),multipath(symmetric_l4,50,hrw,12,0,reg0[0..15]),bundle(eth_src,0,hrw,ofport,members:1,2),note:01.02,encap(mpls),decap(packet_type(ns=0,type=0)),resubmit(5,),sample(probability=5,egress)",
		"actions=write_metadata:5/7,meter:5", "ct_label=0x1ffffffffffffffff/0xf0000000000000000 actions=drop",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		flow, err := ParseFlow(s)
		if err != nil {
			return
		}
		again, err := ParseFlow(flow.String())
		if err != nil {
			t.Fatalf("%q is written as %q: %v", s, flow, err)
		}
		if again.Key != flow.Key || again.String() != flow.String() {
			t.Fatalf("%q is written as %q, and that as %q", s, flow, again)
		}
	})
}
