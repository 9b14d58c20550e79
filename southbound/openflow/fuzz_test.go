package openflow_test

import (
	"bytes"
	"runtime"
	"testing"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// FuzzMessage gives bytes to the parser of their message type. Whatever parses is written to something that parses to the
// same again, and what parsing allocates is bounded by the input.
func FuzzMessage(f *testing.F) {
	for _, x := range append(controllerMessages(), switchMessages()...) {
		f.Add(x.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			m, rest, err := of.Next(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
			first, again, err := parse(m)
			if err != nil || len(again) > of.MaxMessage {
				continue
			}
			m2, _, err := of.Next(again)
			if err != nil {
				t.Fatalf("what was written does not parse: %v", err)
			}
			_, thrice, err := parse(m2)
			if err != nil {
				t.Fatalf("%+v was written as what does not parse: %v", first, err)
			}
			if !bytes.Equal(again, thrice) {
				t.Fatalf("%+v is written in two ways:\n%x\n%x", first, again, thrice)
			}
		}
	})
}

// FuzzAllocation measures what parsing allocates.
func FuzzAllocation(f *testing.F) {
	for _, x := range append(controllerMessages(), switchMessages()...) {
		f.Add(x.b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := of.Next(b)
		if err != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		parse(m)
		runtime.ReadMemStats(&after)
		if used, limit := after.TotalAlloc-before.TotalAlloc, uint64(64*len(b)+32<<10); used > limit {
			t.Fatalf("%d bytes allocated for %d", used, len(b))
		}
	})
}

// FuzzInstructions gives bytes to the parsers of package flow that the wire reaches.
func FuzzInstructions(f *testing.F) {
	for _, x := range append(matchSamples(), actionSamples()...) {
		fl, err := New(0, 0, x.m, x.do)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(fl.Match), []byte(fl.Instructions))
	}
	f.Fuzz(func(t *testing.T, match, instructions []byte) {
		if m, err := ParseMatch(match); err == nil {
			_ = m.String()
			if b, err := AppendMatch(nil, m); err == nil {
				again(t, "match", b, func(b []byte) ([]byte, error) {
					m, err := ParseMatch(b)
					if err != nil {
						return nil, err
					}
					return AppendMatch(nil, m)
				})
			}
		}
		if do, err := ParseInstructions(instructions); err == nil {
			_ = do.String()
			if b, err := AppendInstructions(nil, do); err == nil {
				again(t, "instructions", b, func(b []byte) ([]byte, error) {
					do, err := ParseInstructions(b)
					if err != nil {
						return nil, err
					}
					return AppendInstructions(nil, do)
				})
			}
		}
		_, _ = Group{Buckets: string(instructions)}.ParseBuckets()
		_, _ = Meter{Bands: string(instructions)}.ParseBands()
	})
}

// again says that what was written reads back to what is written the same.
func again(t *testing.T, what string, b []byte, back func([]byte) ([]byte, error)) {
	t.Helper()
	c, err := back(b)
	if err != nil {
		t.Fatalf("%s %x does not read back: %v", what, b, err)
	}
	if !bytes.Equal(b, c) {
		t.Fatalf("%s %x reads back as %x", what, b, c)
	}
}
