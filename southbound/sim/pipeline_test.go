package sim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
)

// tableNumbers returns the pipeline's tables by name.
func tableNumbers(t *testing.T) map[string]string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/pipeline.md")
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `(\\w+)` \\|").FindAllStringSubmatch(string(doc), -1) {
		numbers[m[2]] = m[1]
	}
	return numbers
}

// pipelineDump returns the flows that the apps make of their golden lab, in ovs-ofctl's syntax.
func pipelineDump(t *testing.T) string {
	t.Helper()
	numbers := tableNumbers(t)
	files, err := filepath.Glob("../../apps/*/testdata/golden.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden dumps: %v", err)
	}
	var b strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			what, do, ok := strings.Cut(line, "→")
			words := strings.Fields(what)
			if !ok || len(words) < 2 || numbers[words[0]] == "" {
				continue
			}
			do = nextTable.ReplaceAllStringFunc(strings.TrimSpace(do), func(s string) string {
				m := nextTable.FindStringSubmatch(s)
				return m[1] + numbers[m[2]]
			})
			fmt.Fprintf(&b, "table=%s,priority=%s,%s,actions=%s\n", numbers[words[0]], words[1], strings.Join(words[2:], ","), do)
		}
	}
	return b.String()
}

// nextTable is where actions name the table that a frame goes on to.
var nextTable = regexp.MustCompile(`\b(goto_table:|resubmit\(,|table=)(\w+)`)

// serveTest lets ovs-ofctl reach a switch.
func serveTest(t *testing.T, s *Switch) (target string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sim.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.Serve(ctx, c)
		}
	}()
	t.Cleanup(func() { cancel(); l.Close(); <-done })
	return "unix:" + path
}

// groupIDs are the groups that a dump's flows send packets to.
func groupIDs(dump string) []string {
	var ids []string
	for _, m := range regexp.MustCompile(`group:(\d+)`).FindAllStringSubmatch(dump, -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// meterIDs are the meters that flows use.
func meterIDs(dump string) []string {
	var ids []string
	for _, m := range regexp.MustCompile(`meter:(\d+)`).FindAllStringSubmatch(dump, -1) {
		ids = append(ids, m[1])
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestPipelineAgrees loads the project's own pipeline by ovs-ofctl into a real switch and into the simulator, and sends frames of
// the lab's endpoints, honest and not.
func TestPipelineAgrees(t *testing.T) {
	all := []uint32{1, 81, behindLabels, theCore, 65001, 65002}
	o := startOVS(t, all...)
	s := newTestSwitch(t, all...)
	for _, p := range []uint32{2, 3, 4} {
		s.RemovePort(p)
	}
	file := filepath.Join(t.TempDir(), "flows")
	dump := pipelineDump(t)
	if err := os.WriteFile(file, []byte(dump), 0o600); err != nil {
		t.Fatal(err)
	}
	real, simulated := "unix:"+o.dir+"/br0.mgmt", serveTest(t, s)
	for _, target := range []string{real, simulated} {
		for _, id := range meterIDs(dump) { // which let everything through: their drops depend on the time
			o.must("ovs-ofctl", "-O", "OpenFlow13", "add-meter", target, "meter="+id+",pktps,burst,band=type=drop,rate=1000000,burst_size=1000000")
		}
		for _, id := range groupIDs(dump) { // which choose nothing: what they choose is a hash of each switch's own
			o.must("ovs-ofctl", "-O", "OpenFlow13", "add-group", target, "group_id="+id+",type=select,bucket=weight:1,actions=drop")
		}
		o.must("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", target, file)
	}
	list := func(target string) string { // without actions, which Open vSwitch writes anew and the simulator keeps
		var lines []string
		for _, line := range strings.SplitAfter(o.must("ovs-ofctl", "-O", "OpenFlow13", "--no-stats", "dump-flows", target), "\n") {
			key, _, _ := strings.Cut(line, " actions=")
			lines = append(lines, key)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	if a, b := list(real), list(simulated); a != b || strings.Count(a, "\n") < strings.Count(dump, "\n") {
		t.Fatalf("dumps differ, or lack flows.\nOpen vSwitch:\n%s\nsimulator:\n%s", a, b)
	}
	w := world{ // without IPv6 options, behind which Open vSwitch 3.1 makes wrong checksums in answered neighbour solicitations
		macs: []flow.MACAddr{{0xfa, 0x16, 0x3e}, {0xfa, 0x16, 0x3e, 0, 0, 2}, {0xfa, 0x16, 0x3e, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x33, 0x33, 0, 0, 0, 1}},
		l4s:  []uint32{67, 68, 546, 547, 80},
	}
	for _, a := range []string{"10.0.0.10", "10.0.0.12", "10.0.0.11", "0.0.0.0", "255.255.255.255"} {
		w.addrs4 = append(w.addrs4, netip.MustParseAddr(a))
	}
	for _, a := range []string{"fd00::10", "fd00::12", "fd00::11", "fe80::f816:3eff:fe00:0", "::", "ff02::1:ff00:11"} {
		w.addrs6 = append(w.addrs6, netip.MustParseAddr(a))
	}
	far := world{macs: []flow.MACAddr{{0xfa, 0x16, 0x3e, 0, 0, 6}, {0xfa, 0x16, 0x3e, 0, 0, 7}}, l4s: w.l4s}
	for i := range 2 {
		far.addrs4 = append(far.addrs4, netip.AddrFrom4([4]byte{10, 0, 0, byte(16 + i)}))
		far.addrs6 = append(far.addrs6, netip.MustParseAddr(fmt.Sprintf("fd00::1%d", 6+i)))
	}
	delivered, frames := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		var in []arriving
		for i := range uint32(100) {
			a := arriving{port: of(rt, "port", all[:4]...)}
			switch a.port {
			case theCore:
				a.frame = far.generateLabels(rt, i)
			case behindLabels:
				a.frame = far.generateFrame(rt, i)
			default:
				a.frame = w.generateFrame(rt, i)
			}
			in = append(in, a)
		}
		delivered += agree(rt, o, s, in)
		frames += len(in)
	})
	t.Logf("%d frames in, %d out", frames, delivered)
	if delivered < frames/50 {
		t.Error("too few frames passed: the test says little")
	}
	numbers := tableNumbers(t)
	for _, f := range s.Flows() {
		table := strconv.Itoa(int(f.Table))
		if n, _, _ := s.Counters(f.Key); (table == numbers["classify_label"] || table == numbers["paths"]) && f.Priority == 100 && n == 0 {
			t.Errorf("no frame has met %s: the test says nothing of labels", f)
		}
	}
}

// Ports of the golden lab: of an endpoint whose network goes by label-switched paths, and to the physical network of those.
const (
	behindLabels = 512
	theCore      = 60696
)

// generateLabels puts a frame behind labels: those that the golden lab's paths have, and others.
func (w world) generateLabels(rt *rapid.T, id uint32) []byte {
	const network, path = 524288, 83
	b := []byte{0x56, 0x7b, 0x93, 0x8f, 0x8b, 0xa6, 2, 0, 0, 0, 0, 1, 0x88, 0x47}
	if chance(rt, 5, "for another") {
		b[5] ^= 1
	}
	stack := of(rt, "stack", []uint32{path, network}, []uint32{path, network}, []uint32{path, network}, []uint32{network}, []uint32{network},
		[]uint32{path}, []uint32{path, 17}, []uint32{17, network}, []uint32{path, 17, network}, []uint32{path, 17, 18, network}, []uint32{17})
	for i, label := range stack {
		entry := label<<12 | of[uint32](rt, "class", 0, 5)<<9 | of[uint32](rt, "ttl", 64, 64, 1, 0)
		if i == len(stack)-1 {
			entry |= entryBottom
		}
		b = be.AppendUint32(b, entry)
	}
	return append(b, w.generateFrame(rt, id)...)
}
