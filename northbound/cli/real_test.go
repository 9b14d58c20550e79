package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client/clienttest"
)

// TestMistakesOfPeople applies every file of examples/bad to the real server: what is said is what the file's head says.
func TestMistakesOfPeople(t *testing.T) {
	files, err := filepath.Abs("../../examples/bad")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(files)
	names, err := filepath.Glob("*.yaml")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want strings.Builder
			for line := range strings.SplitSeq(string(text), "\n") {
				if said, ok := strings.CutPrefix(line, "#   "); ok {
					want.WriteString(said + "\n")
				}
			}
			code, out, errs := weft(t, "", "apply", "-f", name)
			if diff := cmp.Diff(want.String(), errs); diff != "" {
				t.Errorf("file -, weft +\n%s", diff)
			}
			if code != 1 || out != "" {
				t.Errorf("exit status %d, output %s", code, out)
			}
		})
	}
	if _, out, errs := weft(t, "", "get", "all"); out != "" || errs != "nothing found\n" {
		t.Errorf("something was stored: %s%s", out, errs)
	}
}

// TestSession is a session with the real server, from the first apply to the last delete.
func TestSession(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	two := "../../examples/two-tenants.yaml"
	steps := []struct {
		args  string
		stdin string
		code  int
		out   string
		err   string
	}{
		{args: "apply --wait -f " + two, out: `
network/red/web     created   vxlan 5001, mtu N
subnet/red/web-v4   created   10.0.0.0/24, gateway 10.0.0.1
subnet/red/web-v6   created   fd00:10::/64, gateway fd00:10::1
port/red/vm1        created   10.0.0.11 fd00:10::11 fa:16:3e:00:00:11
port/red/vm2        created   10.0.0.12 fd00:10::12 fa:16:3e:00:00:12
port/red/vm3        created   10.0.0.13 fd00:10::13 fa:16:3e:00:00:13
network/blue/web    created   vxlan 5002, mtu N
subnet/blue/web-v4  created   10.0.0.0/24, gateway 10.0.0.1
subnet/blue/web-v6  created   fd00:10::/64, gateway fd00:10::1
port/blue/vm1       created   10.0.0.11 fd00:10::11 fa:16:3e:00:00:11
port/blue/vm2       created   10.0.0.12 fd00:10::12 fa:16:3e:00:00:12
port/blue/vm3       created   10.0.0.13 fd00:10::13 fa:16:3e:00:00:13
project/blue        created
project/red         created
revision N, realised on 0 of 0 hosts in TIME
`},
		{args: "get ports -p red -o name", out: "\nport/red/vm1\nport/red/vm2\nport/red/vm3\n"},
		{args: "get ports -A --field spec.network=web --field spec.macAddress=fa:16:3e:00:00:12 -o name", out: "\nport/blue/vm2\nport/red/vm2\n"},
		{args: "get subnets -p blue", out: `
PROJECT  NAME    NETWORK  CIDR          GATEWAY     USED
blue     web-v4  web      10.0.0.0/24   10.0.0.1       3
blue     web-v6  web      fd00:10::/64  fd00:10::1     3
`},
		{args: "apply -f - --check-revision", stdin: "kind: Project\nname: red\nrevision: 1\n", code: 1, err: `
stdin:1: project/red: is at revision N, expected 1
nothing was applied (1 error in 1 resource)
`},
		{args: "delete network red/web", code: 1, err: `
network/red/web: is used by port/red/vm1, port/red/vm2, port/red/vm3, subnet/red/web-v4, subnet/red/web-v6
nothing was deleted; --cascade deletes what refers to it as well
`},
		{args: "delete port red/vm9", code: 1, err: `
weft: port/red/vm9 does not exist
nothing was deleted
`},
		{args: "delete -f " + two, out: `
port/blue/vm1  deleted
port/blue/vm2  deleted
port/blue/vm3  deleted
port/red/vm1  deleted
port/red/vm2  deleted
port/red/vm3  deleted
subnet/blue/web-v4  deleted
subnet/blue/web-v6  deleted
subnet/red/web-v4  deleted
subnet/red/web-v6  deleted
network/blue/web  deleted
network/red/web  deleted
revision N
`},
		{args: "get ports", err: "\nnothing found\n"},
		{args: "delete project red blue", out: "\nproject/blue  deleted\nproject/red  deleted\nrevision N\n"},
	}
	for _, step := range steps {
		code, out, errs := weft(t, step.stdin, strings.Fields(step.args)...)
		if code != step.code {
			t.Errorf("%s: exit status %d, want %d", step.args, code, step.code)
		}
		hide := func(s string) string {
			return regexp.MustCompile(`\b(revision|mtu) \d+`).ReplaceAllString(mask(s), "$1 N")
		}
		if diff := cmp.Diff(strings.TrimPrefix(step.out, "\n"), hide(out)); diff != "" {
			t.Errorf("%s: output: want -, got +\n%s", step.args, diff)
		}
		if diff := cmp.Diff(strings.TrimPrefix(step.err, "\n"), hide(errs)); diff != "" {
			t.Errorf("%s: errors: want -, got +\n%s", step.args, diff)
		}
	}
}

// TestGetApply: what get prints is taken by apply, and changes nothing.
func TestGetApply(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	if code, _, errs := weft(t, "", "apply", "-f", "../../examples/two-tenants.yaml"); code != 0 {
		t.Fatal(errs)
	}
	for _, form := range []string{"yaml", "json"} {
		_, before, _ := weft(t, "", "get", "all", "-o", form)
		code, out, errs := weft(t, before, "apply", "-f", "-")
		if code != 0 || strings.Contains(out, "created") || strings.Contains(out, "updated") {
			t.Fatal(code, out, errs)
		}
		if _, after, _ := weft(t, "", "get", "all", "-o", form); after != before {
			t.Fatal(cmp.Diff(before, after))
		}
	}
}

// TestWatchReal: a watch from a revision tells what happened, and resumes behind what was compacted.
func TestWatchReal(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	for _, args := range []string{"apply -f ../../examples/two-tenants.yaml", "delete port red/vm1"} {
		if code, _, errs := weft(t, "", strings.Fields(args)...); code != 0 {
			t.Fatal(errs)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &until{text: "deleted   port/red/vm1", then: cancel}
	var errs bytes.Buffer
	if code := Main(ctx, []string{"watch", "ports", "-p", "red", "--from-revision", "2"}, nil, out, &errs); code != 0 {
		t.Fatal(code, errs.String())
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line)[1:3], " "))
	}
	want := []string{"created port/red/vm1", "created port/red/vm2", "created port/red/vm3", "deleted port/red/vm1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff, out.String())
	}
}

// until is a writer that does something once a text has been written.
type until struct {
	bytes.Buffer
	text string
	then func()
}

func (u *until) Write(p []byte) (int, error) {
	n, err := u.Buffer.Write(p)
	if strings.Contains(u.String(), u.text) {
		u.then()
	}
	return n, err
}

// TestTooMuch: what is too much is refused in words, and nothing is stored.
func TestTooMuch(t *testing.T) {
	t.Setenv("WEFT_SERVER", clienttest.Serve(t))
	var many strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&many, "{kind: Project, name: p%d}\n---\n", i)
	}
	long := "kind: Project\nname: p\ndescription: " + strings.Repeat("x", 5<<20) + "\n"
	tests := []struct{ in, want string }{
		{many.String(), "10001"},
		{long, "the message is too large: "},
	}
	for _, tt := range tests {
		code, out, errs := weft(t, tt.in, "apply", "-f", "-")
		if code != 1 || out != "" || !strings.Contains(errs, tt.want) || !strings.Contains(errs, "nothing was applied") || strings.Contains(errs, "rpc error") {
			t.Errorf("exit status %d, %s%s", code, out, errs)
		}
	}
	var wrong strings.Builder
	for i := range 300 {
		fmt.Fprintf(&wrong, "{kind: Port, project: red, name: p%d, spec: {network: x}}\n---\n", i)
	}
	if _, _, errs := weft(t, wrong.String(), "apply", "-f", "-"); !strings.HasSuffix(errs, " more\nnothing was applied (300 errors in 300 resources)\n") {
		t.Error(errs)
	}
	if _, out, _ := weft(t, "", "get", "all"); out != "" {
		t.Error("something was stored:", out)
	}
}

// TestBackupReal: what was backed up comes back, into an empty store or over another one.
func TestBackupReal(t *testing.T) {
	backup := filepath.Join(t.TempDir(), "weft.backup")
	steps := []struct {
		fresh bool
		args  string
		code  int
	}{
		{true, "apply -f ../../examples/two-tenants.yaml", 0},
		{false, "backup " + backup, 0},
		{true, "restore " + backup, 0},
		{false, "delete project red --cascade", 0},
		{false, "restore " + backup, 1},
		{false, "restore --replace " + backup, 0},
	}
	for _, s := range steps {
		if s.fresh {
			t.Setenv("WEFT_SERVER", clienttest.Serve(t))
		}
		if code, out, errs := weft(t, "", strings.Fields(s.args)...); code != s.code {
			t.Fatalf("%s: exit status %d\n%s%s", s.args, code, out, errs)
		}
	}
	// The server follows its store, a little behind what was restored.
	for end := time.Now().Add(10 * time.Second); ; {
		_, out, errs := weft(t, "", "get", "ports", "-o", "name")
		n := strings.Count(out, "\n")
		if n == 6 {
			return
		}
		if time.Now().After(end) {
			t.Fatal(n, out, errs)
		}
	}
}
