package manifest

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecode: any input ends in documents or in mistakes with a place; what decodes is written and read back.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{good, `{"kind":"Project","name":"x"}{"kind":"Project","name":"y"}`, "&a [*a]", "- - -", "kind: Port\nname: *x",
		"kind: Network\nproject: p\nname: n\nstatus: {phase: ACTIVE, network: {mtu: 1}}\ncreated: 2026-01-01T00:00:00Z"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, err := Decode("f", bytes.NewReader(data), Options{Project: "p"})
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		for _, d := range docs {
			var b bytes.Buffer
			if err := WriteYAML(&b, d.Resource); err != nil {
				t.Fatal(err)
			}
			again, err := Decode("f", bytes.NewReader(b.Bytes()), Options{})
			if err != nil || len(again) != 1 {
				t.Fatalf("%v\n%s", err, b.String())
			}
		}
	})
}
