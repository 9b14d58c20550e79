package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     []string // in the output
		not      string
		last     string
	}{
		{
			name: "passes and fails",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"why\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
{"Action":"output","Package":"q","Output":"ok  \tq\t0.1s\n"}
{"Action":"pass","Package":"q"}
`,
			want: []string{"why", "FAIL\tp", "ok  \tq"}, not: "noise", last: "1 passed, 1 failed",
		},
		{
			name: "says again at the end why a test failed, without what rapid drew",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: [rapid] draw n: 1\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: one is not two\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			want: []string{"FAIL\tp\t0.1s\n--- p TestA\n    a_test.go:9: one is not two\n"}, last: "0 passed, 1 failed",
		},
		{
			name: "does not compile",
			in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}
`,
			want: []string{"undefined: x", "build failed"}, last: "0 passed, 1 failed",
		},
		{
			name: "panics",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			want: []string{"panic: boom", "FAIL\tp"}, last: "0 passed, 1 failed",
		},
		{name: "is cut off", in: `{"Action":"run","Package":"p","Test":"TestA"}` + "\n", want: []string{"did not end"}, last: "0 passed, 1 failed"},
		{name: "is not JSON", in: "go: no such module\n", want: []string{"no such module"}, last: "0 passed, 0 failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if last := r.finish(); last != c.last {
				t.Errorf("last line %q, want %q", last, c.last)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not in the output:\n%s", w, out.String())
				}
			}
			if c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("%q is in the output:\n%s", c.not, out.String())
			}
		})
	}
}
