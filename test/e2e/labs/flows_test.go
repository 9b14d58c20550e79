package labs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// What is written by hand is on the switch beside the apps' flows, counts, survives, and goes; examples/flows does what it says.
func TestFlowsByHand(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	root := netlab.Must(e2e.Root())(t)
	c.Weft("apply", "-f", filepath.Join(root, "examples", "flows", "by-hand.yaml"))
	c.Eventually(30*time.Second, "flows wait for the port", func() error {
		if out := c.Weft("describe", "flowrule", "no-telnet"); !strings.Contains(out, `host h1 has no port "lab/vm1"`) {
			return errors.New(out)
		}
		return nil
	})
	vm1, vm2 := c.VM("h1", "lab/vm1"), c.VM("h2", "lab/vm2")
	c.Active("lab/vm1", "lab/vm2")
	for _, key := range []string{"flowrule/no-telnet", "flowrule/slow", "flowrule/slow-udp"} {
		c.Phase(key, weftv1.Status_PHASE_ACTIVE)
	}
	telnet := netlab.Must(vm2.ServeTCP(":23"))(t)
	ssh := netlab.Must(vm2.ServeTCP(":22"))(t)
	defer func() { c.Do(telnet.Close(), ssh.Close()) }()
	closed := func(what string) {
		t.Helper()
		if who, err := vm1.TCP("10.0.0.12:22", 10, 20*time.Second); err != nil || who != vm2.Name() {
			t.Errorf("%s: port 22 is answered by %q, %v", what, who, err)
		}
		if who, err := vm1.TCP("10.0.0.12:23", 10, 700*time.Millisecond); err == nil {
			t.Errorf("%s: port 23 is answered by %q", what, who)
		}
	}
	closed("new")
	c.Eventually(30*time.Second, "packets are counted", func() error {
		if n := c.Get("flowrule/no-telnet").GetStatus().GetFlowRule().GetPackets(); n == 0 {
			return errors.New("no packet")
		}
		return nil
	})
	c.Run("what a switch has", func(c *e2e.Cloud) { dumps(c, vm1) })
	c.Run("mistakes", mistakes)
	c.Run("weftd killed", func(c *e2e.Cloud) {
		c.Do(c.Weftd.Kill())
		closed("weftd is not there")
		c.Restart()
		closed("weftd is back")
	})
	c.Run("the switch restarted", func(c *e2e.Cloud) {
		c.Do(c.Host("h1").RestartVswitchd())
		c.Synced()
		c.Active("lab/vm1", "lab/vm2")
		closed("ovs-vswitchd is back")
	})
	c.Run("taken away by somebody else", func(c *e2e.Cloud) {
		netlab.Must(c.Host("h1").Ofctl("del-flows", netlab.IntegrationBridge, "tcp,tcp_dst=23"))(c.T)
		c.Eventually(30*time.Second, "it is mended", func() error {
			if out := c.Weft("flow", "dump", "h1", "--table", "l2"); !strings.Contains(out, "byhand.rule(flowrule/no-telnet)") {
				return errors.New(out)
			}
			return nil
		})
		closed("mended")
	})
	c.Run("the meter", func(c *e2e.Cloud) { metered(c, vm1, vm2) })
	c.Run("deleted", func(c *e2e.Cloud) {
		c.Weft("flow", "del", "h1", "table=l2,tcp_dst=23")
		c.Eventually(30*time.Second, "port 23 is open again", func() error {
			_, err := vm1.TCP("10.0.0.12:23", 10, time.Second)
			return err
		})
	})
}

// dumps looks at a host's flows, and at the topology, as people do.
func dumps(c *e2e.Cloud, vm1 *netlab.Endpoint) {
	out := c.Weft("flow", "dump", "h1", "--table", "l2")
	for _, want := range []string{"table=l2, ", "in_port=lab/vm1", "actions=drop  # byhand.rule(flowrule/no-telnet)", "net=0x", "->outport,goto_table:deliver  # l2."} {
		if !strings.Contains(out, want) {
			c.T.Errorf("weft flow dump says nothing of %q:\n%s", want, out)
		}
	}
	netlab.Must(c.Host("h1").Ofctl("add-flow", netlab.IntegrationBridge, "table=250,priority=7,arp,actions=drop"))(c.T)
	if out := c.Weft("flow", "dump", "h1"); !strings.Contains(out, "table=250, n_packets=0, n_bytes=0, priority=7,arp actions=drop  # not ours") || !strings.Contains(out, "meter=10,pktps,burst,bands=type=drop,rate=10,burst_size=10") {
		c.T.Errorf("weft flow dump does not show what is not ours, or no meter:\n%s", out)
	}
	if out := c.Weft("explain", "table=l2,tcp", "--host", "h1"); !strings.Contains(out, "from byhand.rule(flowrule/no-telnet)") {
		c.T.Errorf("weft explain says\n%s", out)
	}
	topo := c.Weft("topo")
	for _, want := range []string{"h1  host 10.99.0.1, connected", vm1.Port() + "  lab/vm1", "lab/lan  10.0.0.11", "network lab/lan  vxlan ", ": h1 h2"} {
		if !strings.Contains(topo, want) {
			c.T.Errorf("weft topo says nothing of %q:\n%s", want, topo)
		}
	}
	if dot := c.Weft("topo", "-o", "dot"); !strings.HasPrefix(dot, "graph topology {\n") || !strings.Contains(dot, `" -- "h2" [style=dotted];`) || !strings.HasSuffix(dot, "}\n") {
		c.T.Errorf("weft topo -o dot says\n%s", dot)
	}
}

// mistakes are answered with where they are, and change nothing.
func mistakes(c *e2e.Cloud) {
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"flow", "add", "h1", "table=l2,tcp,tp_dts=23 actions=drop"}, `spec.flow: character 14, "tp_dts": `},
		{[]string{"flow", "add", "h9", "actions=drop"}, `spec.host: host "h9" does not exist`},
		{[]string{"flow", "add-group", "h1", "group_id=1,bucket=drop"}, "the type is missing"},
		{[]string{"flow", "del", "h1", "table=l2,nw_dst=1.2.3.4"}, "nothing like that was added by hand on h1"},
		{[]string{"flow", "dump", "h1", "--table", "l3"}, `"l3" is neither a table of the pipeline nor a number`},
		{[]string{"flow", "dump", "h9"}, "host/h9 does not exist"},
		{[]string{"packet", "send", "h1", "--hex", "00"}, "has 1 bytes"},
		{[]string{"packet", "send", "h1", "--hex", strings.Repeat("00", 60), "--actions", "output:tap99"}, "character 8"},
	} {
		if out, errs, status := c.TryWeft("", x.args...); status == 0 || !strings.Contains(errs, x.want) {
			c.T.Errorf("weft %s: status %d\n%s%s\nwant %s", strings.Join(x.args, " "), status, out, errs, x.want)
		}
	}
}

// metered has many datagrams sent through the meter, of which it lets few through.
func metered(c *e2e.Cloud, vm1, vm2 *netlab.Endpoint) {
	got := netlab.Must(vm2.Capture("udp and dst port 9999"))(c.T)
	b := gopacket.NewSerializeBuffer()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: vm1.IPv4().AsSlice(), DstIP: vm2.IPv4().AsSlice()}
	udp := &layers.UDP{SrcPort: 9998, DstPort: 9999}
	c.Do(udp.SetNetworkLayerForChecksum(ip), gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: vm1.MAC(), DstMAC: vm2.MAC(), EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload("slow")))
	start := time.Now()
	c.Do(vm1.Send(slices.Repeat([][]byte{b.Bytes()}, 500)...))
	c.Arrived()
	most := 20 + int(time.Since(start).Seconds()*10)
	n := 0
	for range got.Received() {
		n++
	}
	if n == 0 || n > most {
		c.T.Errorf("%d of 500 datagrams came through a meter of 10 a second, in %v", n, time.Since(start))
	}
}

// Packets are sent by way of a switch, and those that flows hand over are seen, also as pcap.
func TestPackets(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(1)})
	c.Apply(e2e.Tenant{Project: "red", VMs: 2}.YAML())
	vm1, vm2 := c.VM("h1", "red/vm1"), c.VM("h1", "red/vm2")
	c.Active("red/vm1", "red/vm2")
	frame := func(payload string) []byte {
		b := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true},
			&layers.Ethernet{SrcMAC: vm1.MAC(), DstMAC: vm2.MAC(), EthernetType: 0x88b5}, gopacket.Payload(payload+strings.Repeat("\x00", 50)))
		c.Do(err)
		return slices.Clone(b.Bytes())
	}
	got := netlab.Must(vm2.Capture("ether proto 0x88b5"))(t)
	c.Weft("packet", "send", "h1", "--hex", hex.EncodeToString(frame("straight")), "--actions", "output:red/vm2")
	c.Weft("packet", "send", "h1", "--hex", hex.EncodeToString(frame("by the tables")), "--in-port", "red/vm1")
	for _, want := range []string{"straight", "by the tables"} {
		_, err := got.Expect(20*time.Second, want, func(p gopacket.Packet) bool { return bytes.Contains(p.Data(), []byte(want)) })
		c.Do(err)
	}

	c.Weft("flow", "add", "h1", "table=l2,priority=400,dl_type=0x88b5 actions=controller")
	c.Realised(c.Revision())
	file := filepath.Join(t.TempDir(), "seen.pcap")
	done := make(chan string, 1)
	go func() {
		_, errs, status := c.TryWeft("", "packet", "watch", "h1", "-w", file, "-c", "10", "--in-port", "red/vm1")
		done <- fmt.Sprint(status, errs)
	}()
	c.Eventually(40*time.Second, "the packet is seen", func() error {
		c.Weft("packet", "send", "h1", "--hex", hex.EncodeToString(frame("seen")), "--in-port", "red/vm1")
		select {
		case ended := <-done:
			if ended != "0" {
				t.Fatal(ended)
			}
			return nil
		case <-time.After(300 * time.Millisecond):
			return errors.New("not yet")
		}
	})
	f := netlab.Must(os.Open(file))(t)
	defer f.Close()
	r := netlab.Must(pcapgo.NewReader(f))(t)
	seen := 0
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		c.Do(err)
		if bytes.Equal(data, frame("seen")) && info.Length == len(data) { // others are what the endpoint says of itself
			seen++
		}
	}
	if seen == 0 {
		t.Error("the file has none of the packets")
	}
}
