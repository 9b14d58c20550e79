package sim

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

var ports = []uint32{1, 2, 3, 4}

// TestAgreesWithOpenVSwitch gives generated flows and frames to a real switch and to the simulator, and compares what comes out.
func TestAgreesWithOpenVSwitch(t *testing.T) {
	o := startOVS(t, ports...)
	delivered, frames, refused := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		o.clear()
		s := newTestSwitch(rt)
		for _, f := range generateFlows(rt) {
			theirs := o.try(openflow.AddFlow(f))
			ours := s.Apply(FlowMod{Flow: f})
			if (theirs == nil) != (ours == nil) {
				rt.Fatalf("flow %s:\nOpen vSwitch: %v\nsimulator: %v", f, theirs, ours)
			}
			if ours != nil {
				refused++
			}
		}
		var in []arriving
		for i := range 24 {
			in = append(in, arriving{rapid.SampledFrom(ports).Draw(rt, "port"), few().generateFrame(rt, uint32(i))})
		}
		delivered += agree(rt, o, s, in)
		frames += len(in)
	})
	t.Logf("%d frames in, %d out, %d flows refused by both", frames, delivered, refused)
	if delivered < frames/4 {
		t.Errorf("of %d frames only %d came out: the generated flows say little", frames, delivered)
	}
}

// agree gives frames to both switches, which know no connections yet, compares what leaves their ports, and returns how many frames did.
func agree(rt *rapid.T, o *ovs, s *Switch, in []arriving) (delivered int) {
	slices.SortStableFunc(in, func(a, b arriving) int { return int(a.port) - int(b.port) })
	want := fresh(o, in)
	got := map[uint32][][]byte{}
	results := map[uint32]Result{}
	clear(s.tracker)
	for _, a := range in {
		r := s.Inject(a.port, a.frame)
		if r.Err != nil && !errors.Is(r.Err, ErrLoop) {
			rt.Fatalf("frame %x: %v", a.frame, r.Err)
		}
		results[idOf(a.frame)] = r
		for _, out := range r.Outputs {
			got[out.Port] = append(got[out.Port], out.Frame)
		}
	}
	if !reflect.DeepEqual(want, got) {
		// On a busy machine a dummy port may lose a frame between its queues. What the two disagree on, Open vSwitch does again.
		want = fresh(o, in)
	}
	for _, p := range o.ports {
		delivered += len(want[p])
		compare(rt, o, s, in, results, p, want[p], got[p])
	}
	return delivered
}

// fresh gives frames to an Open vSwitch that has forgotten all connections.
func fresh(o *ovs, in []arriving) map[uint32][][]byte {
	o.appctl("dpctl/flush-conntrack")
	return o.frames(in)
}

func newTestSwitch(t interface{ Fatal(...any) }, numbers ...uint32) *Switch {
	s := NewSwitch(Config{DatapathID: 1})
	for _, p := range append(numbers, ports...) {
		if err := s.SetPort(Port{Number: p, Name: fmt.Sprint("p", p)}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// idOf reads the number that generated frames end with.
func idOf(frame []byte) uint32 { return be.Uint32(frame[len(frame)-4:]) }

// compare holds what left a port against what should have, frame by frame in the order of their numbers.
func compare(rt *rapid.T, o *ovs, s *Switch, in []arriving, results map[uint32]Result, port uint32, want, got [][]byte) {
	order := func(a, b []byte) int {
		if d := int(idOf(a)) - int(idOf(b)); d != 0 {
			return d
		}
		return bytes.Compare(a, b)
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	for i := range max(len(want), len(got)) {
		var w, g []byte
		if i < len(want) {
			w = want[i]
		}
		if i < len(got) {
			g = got[i]
		}
		if bytes.Equal(w, g) {
			continue
		}
		id := idOf(append(w, g...)[max(len(w)-4, 0):][:4])
		if w == nil || g != nil && idOf(g) < idOf(w) {
			id = idOf(g)
		}
		var b strings.Builder
		for _, f := range s.Flows() {
			fmt.Fprintln(&b, f)
		}
		for _, a := range in {
			if idOf(a.frame) == id {
				text := hex.EncodeToString(a.frame)
				fmt.Fprintf(&b, "in by %d: %s\n%s", a.port, text, o.appctl("ofproto/trace", "br0", fmt.Sprint("in_port=", a.port), text))
				for _, out := range results[id].Outputs {
					fmt.Fprintf(&b, "out by %d: %x\n", out.Port, out.Frame)
				}
			}
		}
		for _, step := range results[id].Trace {
			fmt.Fprintln(&b, "met", step.Table, step.Found, step.Flow)
		}
		rt.Fatalf("out of port %d:\nOpen vSwitch: %x\nsimulator:    %x\n%s", port, w, g, &b)
	}
}

func mustFlow(t interface{ Fatal(...any) }, table uint8, priority uint16, m flow.Match, do ...flow.Action) flow.Flow {
	f, err := flow.New(table, priority, m, do)
	if err != nil {
		t.Fatal(err)
	}
	f.Cookie = flow.Cookie(1, table, priority, f.Match, f.Instructions)
	return f
}
