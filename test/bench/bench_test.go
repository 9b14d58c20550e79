package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/test/netlab"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		q, want float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.99, 7},
		{[]float64{3, 1, 2}, 0.5, 2},
		{[]float64{4, 1, 2, 3}, 0.5, 2.5},
		{[]float64{0, 10}, 0.25, 2.5},
		{[]float64{1, 2, 3, 4, 5}, 1, 5},
	} {
		if got := quantile(c.samples, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.samples, c.q, got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		r                   Result
		verdict, target, as string
	}{
		{Result{Name: "a", Value: 3, Unit: "ms"}, "", "", "a 3 ms"},
		{Result{Name: "a", Value: 3, Unit: "ms", Target: 5}, "met", "≤ 5 ms", "a 3 ms [≤ 5 ms: met]"},
		{Result{Name: "a", Value: 6, Unit: "a/s", TargetMin: 5}, "met", "≥ 5 a/s", "a 6 a/s [≥ 5 a/s: met]"},
		{Result{Name: "a", Value: 4, Unit: "a/s", TargetMin: 5}, "MISSED", "≥ 5 a/s", "a 4 a/s [≥ 5 a/s: MISSED]"},
		{Result{Name: "a", Value: 6, Unit: "ms", Target: 5}, "MISSED", "≤ 5 ms", "a 6 ms [≤ 5 ms: MISSED]"},
		{
			Result{Name: "a", Value: 1, Unit: "s", Peer: "b", PeerValue: 2, Ratio: 0.5, TargetRatio: 0.4},
			"MISSED", "≤ 0.4 ×", "a 1 s (b 2, ratio 0.5) [≤ 0.4 ×: MISSED]",
		},
		{
			Result{Name: "a", Value: 9, Unit: "Mbit/s", Peer: "b", PeerValue: 10, Ratio: 0.9, TargetRatioMin: 0.95},
			"MISSED", "≥ 0.95 ×", "a 9 Mbit/s (b 10, ratio 0.9) [≥ 0.95 ×: MISSED]",
		},
		{
			Result{Name: "a", Value: 10, Unit: "Mbit/s", Peer: "b", PeerValue: 10, Ratio: 1, TargetRatioMin: 0.95},
			"met", "≥ 0.95 ×", "a 10 Mbit/s (b 10, ratio 1) [≥ 0.95 ×: met]",
		},
	} {
		if got := c.r.verdict(); got != c.verdict {
			t.Errorf("%v: verdict %q, want %q", c.r, got, c.verdict)
		}
		if got := c.r.target(); got != c.target {
			t.Errorf("%v: target %q, want %q", c.r, got, c.target)
		}
		if got := line(c.r); got != c.as {
			t.Errorf("line %q, want %q", got, c.as)
		}
	}
}

func TestShapes(t *testing.T) {
	for _, c := range []struct {
		shape      shape
		real, rest int // ports of a network on each real host, and on others
	}{{spread, 1, perNetwork - 2}, {local, perNetwork / 2, 0}} {
		on := map[int]int{}
		for i := range 2 * perNetwork {
			on[c.shape.host(i)]++
		}
		others := 0
		for h, n := range on {
			if h >= realHosts {
				others += n
			}
		}
		if on[0] != 2*c.real || on[1] != 2*c.real || others != 2*c.rest {
			t.Errorf("%s: two networks have %d and %d ports on the real hosts and %d on others", c.shape, on[0], on[1], others)
		}
	}
}

func TestSelected(t *testing.T) {
	for _, c := range []struct {
		suite, only string
		want        bool
	}{
		{"of.push", "", true}, {"of.push", "of", true}, {"of.push", "of.push100k_s", true}, {"of.push", "ctl", false},
		{"ctl.port_add.spread", "ctl.port_add.spread.k100", true}, {"ctl.port_add.local", "ctl.port_add.spread", false},
	} {
		if got := (suite{name: c.suite}).selected(c.only); got != c.want {
			t.Errorf("suite %s with -only %q: %v, want %v", c.suite, c.only, got, c.want)
		}
	}
}

// TestQuick runs the parts that take no time, against a real Open vSwitch, and reads what they wrote.
func TestQuick(t *testing.T) {
	netlab.Require(t)
	root := t.TempDir()
	for _, only := range []string{"of", "store"} {
		var out strings.Builder
		if err := run(t.Context(), options{only: only, quick: true, root: root}, &out); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		text, err := os.ReadFile(filepath.Join(root, "build", "bench-quick.json"))
		if err != nil {
			t.Fatal(err)
		}
		var results []Result
		if err := json.Unmarshal(text, &results); err != nil {
			t.Fatal(err)
		}
		if len(results) == 0 {
			t.Fatalf("-only %s: no results", only)
		}
		for _, r := range results {
			// Allocations may be none; everything else takes something.
			if !strings.HasPrefix(r.Name, only+".") || r.Unit == "" || r.Samples == 0 || r.Value <= 0 && r.Unit != "allocations" {
				t.Errorf("result %+v", r)
			}
			if (r.Peer == "") != (r.Ratio == 0) {
				t.Errorf("a peer without a ratio, or the other way round: %+v", r)
			}
		}
	}
	if err := run(t.Context(), options{only: "nothing", quick: true, root: root}, &strings.Builder{}); err == nil {
		t.Error("-only with a name that does not exist is no error")
	}
}

func TestDocument(t *testing.T) {
	b := &bench{out: &strings.Builder{}, notes: []note{{"Profile of weftd: x", "text"}}}
	b.add("ctl.port_add.spread.k5000_ms", "ms", []float64{4, 5, 6}, targetValue(5))
	b.add("store.txn_us", "µs", []float64{600}, against("fdatasync of 4 KiB", []float64{300}))
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := writeDocument(path, b); err != nil {
		t.Fatal(err)
	}
	text := read(path)
	for _, want := range []string{
		"| `ctl.port_add.spread.k5000_ms` | 5 | ms | 4.5 – 5.5 | 3 |  | ≤ 5 ms met |",
		"| `store.txn_us` | 600 | µs | 600 – 600 | 1 | fdatasync of 4 KiB: 300, ratio 2 |  |",
		"## Where our milliseconds go", "## Profile of weftd: x", "processors (",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not have %q:\n%s", want, text)
		}
	}
}

// A part that was measured alone takes its place in the document of a whole run, and nothing else of it changes.
func TestDocumentOfAPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "benchmarks.md")
	whole := &bench{out: &strings.Builder{}, notes: []note{{"Profile of weftd: x", "text"}}}
	whole.add("of.a_ms", "ms", []float64{1})
	whole.add("carry.vxlan.kpps", "kpackets/s", []float64{2})
	whole.add("ctl.port_add.spread.k5000_ms", "ms", []float64{4})
	if err := writeDocument(path, whole); err != nil {
		t.Fatal(err)
	}
	before := read(path)
	part := &bench{out: &strings.Builder{}, options: options{only: "carry"}}
	part.add("carry.vxlan.kpps", "kpackets/s", []float64{3})
	part.add("carry.gre.kpps", "kpackets/s", []float64{5})
	if err := writeDocument(path, part); err != nil {
		t.Fatal(err)
	}
	was, is := "| `carry.vxlan.kpps` | 2 |", "| `carry.vxlan.kpps` | 3 | kpackets/s | 3 – 3 | 1 |  |  |\n| `carry.gre.kpps` | 5 |"
	head, tail, found := strings.Cut(before, was)
	_, tail, _ = strings.Cut(tail, "\n")
	if !found {
		t.Fatalf("the document has no %q:\n%s", was, before)
	}
	want := head + is + " kpackets/s | 5 – 5 | 1 |  |  |\n" + tail
	if got := read(path); got != want {
		t.Errorf("the document is\n%s\nwant\n%s", got, want)
	}
	if err := writeDocument(filepath.Join(t.TempDir(), "none.md"), part); err == nil {
		t.Error("a part without a document to put it into is no error")
	}
}
