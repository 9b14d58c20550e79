package openflow_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// TestTextComesBack: every flow that we write in words reads back as the same bytes.
func TestTextComesBack(t *testing.T) {
	for i, x := range append(matchSamples(), actionSamples()...) {
		f := mustFlow(t, uint8(i%2), uint16(i), x.m, x.do)
		if strings.Contains(f.String(), "tun_metadata1=") {
			continue // how long a tunnel option is the words do not say; 4 bytes are assumed where they are enough
		}
		g, err := ParseFlow(f.String())
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if g != f {
			t.Errorf("%s\nreads back as\n%s\nmatch %s\n    %s\ndo %s\n   %s", f, g, hex.EncodeToString([]byte(f.Match)), hex.EncodeToString([]byte(g.Match)), hex.EncodeToString([]byte(f.Instructions)), hex.EncodeToString([]byte(g.Instructions)))
		}
	}
}

// TestTextMeansWhatOfctlMeans: ovs-ofctl and we read the same words; what the switch then has is what we made of them.
func TestTextMeansWhatOfctlMeans(t *testing.T) {
	s := startOVS(t)
	c := s.connect(t, of.ConnConfig{})
	for _, text := range strings.Split(strings.TrimSpace(`
table=1,priority=1,in_port=5,dl_src=00:11:22:33:44:55/ff:ff:ff:00:00:00,dl_vlan=5,dl_vlan_pcp=3,tcp,reg0=5,reg1=0x1/0xff,metadata=0x5/0xf,tun_id=5 actions=drop
table=1,priority=1,nw_src=10.0.0.0/255.0.255.0,nw_dst=10.1.0.0/16,tp_src=80,tp_dst=0x50/0xf0,tcp,tcp_flags=+syn-ack,nw_tos=64,nw_ecn=1,nw_ttl=4,ip_frag=no,pkt_mark=4,ct_state=+trk+est-inv actions=drop
priority=7,udp6,ipv6_src=fe80::/10,ipv6_dst=::1,ipv6_label=5,udp_src=53,xxreg0=0x5,xreg2=4 actions=drop
icmp6,icmp_type=135,icmp_code=0,nd_target=fe80::1,nd_sll=00:11:22:33:44:55 actions=drop
icmp6,icmpv6_type=136,icmpv6_code=0,nd_tll=00:11:22:33:44:55 actions=drop
arp,arp_op=1,nw_src=1.2.3.4,arp_tpa=1.2.3.0/24,arp_sha=00:11:22:33:44:55 actions=drop
arp,nw_proto=2 actions=drop
mpls,mpls_label=5,mpls_tc=3,mpls_bos=1,mpls_ttl=64 actions=drop
vlan_tci=0,icmp,icmp_type=8,icmp_code=0 actions=drop
vlan_tci=0x1000/0x1000,sctp,sctp_dst=5 actions=drop
dl_vlan=0xffff actions=drop
vlan_vid=0x1005 actions=drop
dl_type=0x800,nw_proto=47 actions=drop
dl_type=0x88cc,in_port=LOCAL actions=controller,CONTROLLER:128
ip,nw_frag=later actions=controller(max_len=100,id=3,reason=no_match),controller(userdata=01.02.03,pause)
ipv6,nw_proto=6 actions=output:5,in_port,normal,flood,all,local,output:reg0[0..15],7
actions=load:5->reg2[3..8],move:reg0[0..5]->reg1[4..9],set_field:10.0.0.1->tun_dst,set_field:00:11:22:33:44:55->eth_dst,push:reg0,pop:NXM_NX_REG1[],set_field:5->in_port,set_field:5->xreg0,set_field:5->xxreg0,set_field:0x5->metadata
tcp actions=set_field:5->nw_ttl,set_field:6->tcp_dst,set_field:1.2.3.4->ip_src,set_field:10->ip_dscp,dec_ttl
actions=push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp,strip_vlan,set_queue:6,pop_queue,resubmit(,5),resubmit(5,6),resubmit:7
ip actions=ct(commit,force,zone=5,table=7,nat(src=10.0.0.1-10.0.0.5:100-200,random),exec(set_field:5->ct_mark)),ct(zone=reg0[0..15],nat),ct(),ct,ct_clear,ct(commit,nat(dst=10.0.0.1:80,persistent)),ct(commit,nat(src))
ipv6 actions=ct(commit,nat(src=fe80::1-fe80::5)),ct(commit,nat(dst=[fe80::1]:80-90,hash))
actions=conjunction(5,1/3),conjunction(6,2/2)
actions=learn(table=5,idle_timeout=5,hard_timeout=6,priority=7,cookie=0x5,send_flow_rem,delete_learned,fin_idle_timeout=4,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],dl_type=0x800,load:0x5->reg0[0..3],load:NXM_NX_REG1[]->NXM_NX_REG2[],output:NXM_OF_IN_PORT[]),learn(limit=5,result_dst=reg0[3],reg0=5,NXM_OF_VLAN_TCI[0..11])
actions=multipath(symmetric_l4,50,hrw,12,0,reg0[0..15])
ip actions=bundle(eth_src,0,hrw,ofport,members:1,2)
actions=note:01.02.03.04.05.06,clone(set_field:5->reg0,output:5),check_pkt_larger(1500)->reg0[3],exit
actions=encap(ethernet),encap(mpls),decap(),decap(packet_type(ns=0,type=0))
actions=write_metadata:0x5/0xf,goto_table:5
actions=set_field:3->reg0,clear_actions,write_actions(output:5),goto_table:6
tcp,tcp_flags=syn|ack actions=fin_timeout(idle_timeout=5,hard_timeout=6)
tcp,tcp_flags=0x12 actions=drop
ct_state=-trk,packet_type=(1,0x800) actions=drop
cookie=0x99,priority=65535,ct_label=0x1/0x1,ct_zone=5,ct_mark=0x1/0x3 actions=sample(probability=5,collector_set_id=1,obs_domain_id=5,obs_point_id=6)
`), "\n") {
		ours, err := ParseFlow(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		s.ofctl(t, "del-flows")
		s.ofctl(t, "add-flow", text)
		var theirs Flow
		if err := c.Dump(context.Background(), of.EveryFlow(), func(s *of.FlowStats) error {
			theirs = s.Flow()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if ours != theirs {
			t.Errorf("%s\nours   %s\n%x %x\ntheirs %s\n%x %x", text, ours, ours.Match, ours.Instructions, theirs, theirs.Match, theirs.Instructions)
		}
	}
}
