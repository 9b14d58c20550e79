package openflow_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	of "github.com/weft-sdn/weft/southbound/openflow"
)

// pcap writes messages as a capture: each in a TCP segment of its own, to or from port 6653.
func pcap(messages []message, fromController func(i int) bool) []byte {
	be := binary.BigEndian
	b := []byte{0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1}
	seq := map[bool]uint32{}
	for i, m := range messages {
		src, dst := uint16(40000), uint16(6653)
		down := fromController(i)
		if down {
			src, dst = dst, src
		}
		n := len(m.b)
		f := make([]byte, 14+20+20, 14+20+20+n)
		f[12], f[13] = 8, 0
		ip := f[14:]
		ip[0], ip[8], ip[9], ip[15], ip[19] = 0x45, 64, 6, 1, 2
		be.PutUint16(ip[2:], uint16(40+n))
		tcp := ip[20:]
		be.PutUint16(tcp, src)
		be.PutUint16(tcp[2:], dst)
		be.PutUint32(tcp[4:], seq[down]+1)
		be.PutUint32(tcp[8:], seq[!down]+1)
		tcp[12], tcp[13], tcp[14] = 5<<4, 0x18, 0xff
		seq[down] += uint32(n)
		f = append(f, m.b...)
		b = be.AppendUint64(b, uint64(i)<<32)
		b = be.AppendUint32(be.AppendUint32(b, uint32(len(f))), uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// undissected are the messages that the dissector calls malformed whoever wrote them: it does not know the ONF's flow
// monitor, and a real switch's replies fare no better. TestEvents reads those.
var undissected = map[string]bool{"monitor reply": true}

// TestDissector has Wireshark's dissector read every message: it finds each of its type, with our transaction id, and
// nothing malformed.
func TestDissector(t *testing.T) {
	down := controllerMessages()
	all := append(down, switchMessages()...)
	file := filepath.Join(t.TempDir(), "all.pcap")
	if err := os.WriteFile(file, pcap(all, func(i int) bool { return i < len(down) }), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-n", "-r", file, "-d", "tcp.port==6653,openflow", "-T", "fields", "-E", "separator=;"}
	for _, f := range []string{"openflow_v4.type", "openflow_v4.xid", "openflow_v4.length", "_ws.malformed", "_ws.expert.message"} {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d packets of %d", len(lines), len(all))
	}
	for i, line := range lines {
		m, _, err := of.Next(all[i].b)
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Split(line, ";")
		first := func(i int) string { s, _, _ := strings.Cut(f[i], ","); return s }
		if first(0) != strconv.Itoa(int(m.Type)) || first(1) != strconv.Itoa(int(m.XID)) || first(2) != strconv.Itoa(len(all[i].b)) || f[3] != "" && !undissected[all[i].name] {
			t.Errorf("%s: the dissector says %q", all[i].name, line)
		}
		if f[4] != "" {
			t.Logf("%s: the dissector remarks %q", all[i].name, f[4])
		}
	}
}

// TestDissectorReadsFields holds single fields of our messages against what Wireshark reads.
func TestDissectorReadsFields(t *testing.T) {
	down := controllerMessages()
	all := append(down, switchMessages()...)
	file := filepath.Join(t.TempDir(), "all.pcap")
	if err := os.WriteFile(file, pcap(all, func(i int) bool { return i < len(down) }), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-n", "-r", file, "-d", "tcp.port==6653,openflow", "-T", "json", "-O", "openflow_v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, want := range []string{
		`"openflow_v4.flowmod.priority": "6"`, `"openflow_v4.flowmod.idle_timeout": "4"`, `"openflow_v4.flowmod.hard_timeout": "5"`, `"openflow_v4.flowmod.table_id": "3"`, `"openflow_v4.flowmod.command": "1"`,
		`"openflow_v4.oxm.value_ipv4addr": "10.1.2.3"`, `"openflow_v4.action.output.port": "3"`, `"openflow_v4.instruction.goto_table.table_id": "20"`,
		`"openflow_v4.groupmod.group_id": "5"`, `"openflow_v4.bucket.weight": "3"`, `"openflow_v4.metermod.meter_id": "5"`, `"openflow_v4.meter_band.rate": "100"`, `"openflow_v4.meter_band.burst_size": "10"`,
		`"openflow_v4.port.name": "eth0"`, `"openflow_v4.port.hw_addr": "02:11:22:33:44:55"`, `"openflow_v4.flow_stats.packet_count": "8"`, `"openflow_v4.flow_stats.byte_count": "9"`,
		`"openflow_v4.role_request.role": "0x00000002"`, `"openflow_v4.switch_features.n_tables": "3"`, `"openflow_v4.aggregate_stats.flow_count": "3"`,
	} {
		if !strings.Contains(text, want) {
			key, _, _ := strings.Cut(want, ": ")
			var said []string
			for line := range strings.Lines(text) {
				if strings.Contains(line, key) {
					said = append(said, strings.TrimSpace(line))
				}
			}
			t.Errorf("%s is not in what the dissector says: %q", want, said)
		}
	}
}
