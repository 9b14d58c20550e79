package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weft-sdn/weft"

// rule says what packages may import of the project. Patterns are paths inside the module; a trailing /... takes in the
// folder and all below it, and "<app>" stands for the app's own folder.
type rule struct {
	who string
	may []string
	why string
}

// rules are tried in order; the first whose who matches a package counts.
var rules = []rule{
	{"southbound/flow/...", nil, "flows are plain values"},
	{"southbound/...", []string{"southbound/..."}, "southbound imports nothing above itself"},
	{"controller/table/...", nil, "tables know nothing of what is in them"},
	{"proto/...", []string{"proto/..."}, "the API stands alone"},
	{"apps", []string{"apps/...", "controller/compile", "controller/intent", "controller/table", "southbound/flow"}, "the list of apps"},
	{"apps/pipeline/...", []string{"apps/pipeline/...", "southbound/flow", "controller/compile"}, "the pipeline is a literal"},
	{"apps/carry/...", []string{"apps/carry/...", "apps/pipeline", "southbound/flow"}, "ways to carry frames are values"},
	{
		"apps/...",
		[]string{"<app>/...", "apps/pipeline", "apps/carry", "controller/compile", "controller/intent", "controller/punt", "controller/table", "southbound/flow"},
		"an app is pure functions over rows, and knows no other app",
	},
	{"controller", everything, "the only place where everything meets"},
	{"controller/weft", append([]string{"controller"}, everything...), "mains are made of it"},
	{"cmd/...", everything, "thin mains"},
	{
		"controller/...", []string{"controller/<sub>/...", "southbound/...", "proto/..."},
		"the controller's organs know neither the API's server nor the apps",
	},
	{"northbound/client/clienttest", everything, "the real API, for tests of its clients"},
	{"northbound/client/...", []string{"northbound/client/...", "proto/..."}, "a client needs the API alone"},
	{
		"northbound/...", []string{"northbound/...", "proto/...", "controller/<sub>/...", "apps/pipeline", "southbound/flow", "test/netlab"},
		"northbound knows rows and the store, but no switch",
	},
	{"examples/...", everything, "examples are users"},
	{"test/...", everything, "tests see everything"},
}

// everything but mains.
var everything = []string{"apps/...", "controller/...", "northbound/...", "proto/...", "southbound/...", "test/...", "examples/..."}

// impure are the packages of the standard library that an app has no use for: it has no connection, no clock, no chance
// and no threads.
var impure = []string{"net", "net/http", "net/rpc", "os", "os/exec", "os/signal", "time", "math/rand", "math/rand/v2", "crypto/rand", "sync", "sync/atomic", "syscall", "unsafe"}

// answers are what an app that answers packets reads and writes them with.
type answers struct {
	app  string
	with []string
}

// answering are the apps that answer packets.
var answering = []answers{
	{"apps/dhcp", []string{
		"net", "time", "github.com/gopacket/gopacket", "github.com/gopacket/gopacket/layers", "github.com/insomniacslk/dhcp/dhcpv4",
		"github.com/insomniacslk/dhcp/dhcpv6", "github.com/insomniacslk/dhcp/iana", "github.com/insomniacslk/dhcp/rfc1035label",
	}},
	{"apps/mcast", []string{"time"}},
	{"apps/monitor", []string{"net", "time", "crypto/rand", "github.com/gopacket/gopacket", "github.com/gopacket/gopacket/layers"}},
	{"apps/nat", []string{"time"}},
	{"apps/neighbour", []string{"time"}},
	{"apps/mpls", []string{"time"}},
	{"apps/topology", []string{"time", "crypto/rand"}},
	{"apps/security", []string{"time", "github.com/gopacket/gopacket", "github.com/gopacket/gopacket/layers"}},
	{"apps/route", []string{"net", "time", "github.com/gopacket/gopacket", "github.com/gopacket/gopacket/layers"}},
}

// acting are the functions of packages that apps may use for their types which do more than compute.
var acting = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"net": {
		"Dial", "DialTimeout", "DialIP", "DialTCP", "DialUDP", "DialUnix", "Listen", "ListenIP", "ListenTCP", "ListenUDP", "ListenPacket",
		"ListenUnix", "Interfaces", "InterfaceByName", "InterfaceAddrs", "LookupHost", "LookupIP", "LookupAddr", "ResolveIPAddr", "ResolveTCPAddr", "ResolveUDPAddr",
	},
}

// topLevel is fixed by the project's owner; cmd and docs are where every Go project has them.
var topLevel = []string{"apps", "cmd", "controller", "docs", "examples", "northbound", "proto", "southbound", "test"}

// built is not part of the tree.
const built = "build"

type goPackage struct {
	ImportPath string
	Imports    []string
	Module     *struct{ Path string }
	Error      *struct{ Err string }
}

func TestImportDirections(t *testing.T) {
	packages := list(t)
	if len(packages) < 5 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	for _, p := range packages {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imported := range p.Imports {
			if why := refuse(name, imported); why != "" {
				t.Errorf("%s imports %s: %s", name, strings.TrimPrefix(imported, module+"/"), why)
			}
		}
	}
}

// TestAppsDoNotAct reads the apps that may name packages with a clock or connections in them, for calls that use these.
func TestAppsDoNotAct(t *testing.T) {
	for _, a := range answering {
		files, err := filepath.Glob("../../" + a.app + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files: %v", a.app, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := s.X.(*ast.Ident); ok && slices.Contains(acting[pkg.Name], s.Sel.Name) {
					t.Errorf("%s calls %s.%s: an app has no connection and no clock", file, pkg.Name, s.Sel.Name)
				}
				return true
			})
		}
	}
}

// refuse says why a package of the project must not import another; empty when it may.
func refuse(name, imported string) string {
	isApp := strings.HasPrefix(name, "apps/") && !match("apps/pipeline/...", name, name)
	project, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		switch {
		case isApp && slices.ContainsFunc(answering, func(a answers) bool { return match(a.app, name, name) && slices.Contains(a.with, imported) }):
			return "" // as values: what it calls is looked at by TestAppsDoNotAct
		case isApp && slices.Contains(impure, imported):
			return "an app has no connection, no clock, no chance and no threads"
		case isApp && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
			return "an app uses the standard library and the project only"
		}
		return ""
	}
	for _, r := range rules {
		if !match(r.who, name, name) {
			continue
		}
		if slices.ContainsFunc(r.may, func(pattern string) bool { return match(pattern, project, name) }) {
			return ""
		}
		return r.why
	}
	return "the package is in no folder that the rules know"
}

// match says whether a path fits a pattern; of is the importing package.
func match(pattern, name, of string) bool {
	if app := strings.SplitN(of, "/", 3); len(app) >= 2 {
		pattern = strings.Replace(pattern, "<app>", app[0]+"/"+app[1], 1)
	}
	// Any package below the folder, and not the folder itself.
	if folder, ok := strings.CutSuffix(pattern, "/<sub>/..."); ok {
		return strings.HasPrefix(name, folder+"/")
	}
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == folder || strings.HasPrefix(name, folder+"/")
	}
	return name == pattern
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"apps/l2", module + "/controller/table", true},
		{"apps/l2", module + "/apps/arp", false},
		{"apps/l2", module + "/apps/l2/internal", true},
		{"apps/l2", module + "/controller/store", false},
		{"apps/l2", module + "/southbound/openflow", false},
		{"apps/l2", "time", false},
		{"apps/l2", "net/netip", true},
		{"apps/l2", "google.golang.org/grpc", false},
		{"apps", module + "/apps/l2", true},
		{"apps/pipeline", module + "/apps/l2", false},
		{"southbound/openflow", module + "/southbound/flow", true},
		{"southbound/sim", module + "/southbound/openflow", true},
		{"southbound/ovsdb", module + "/controller/table", false},
		{"southbound/flow", module + "/southbound/openflow", false},
		{"controller/table", module + "/southbound/flow", false},
		{"controller/compile", module + "/controller", false},
		{"controller/compile", module + "/controller/table", true},
		{"controller/reconcile", module + "/southbound/openflow", true},
		{"controller/reconcile", module + "/northbound/api", false},
		{"controller", module + "/northbound/api", true},
		{"controller", module + "/cmd/weftd", false},
		{"northbound/api", module + "/controller", false},
		{"northbound/api", module + "/controller/store", true},
		{"northbound/api", module + "/southbound/openflow", false},
		{"northbound/client", module + "/northbound/api", false},
		{"northbound/cli", module + "/test/netlab", true},
		{"proto/weft/v1", module + "/controller/intent", false},
		{"test/e2e/main", module + "/controller", true},
		{"pkg/util", module + "/controller/table", false},
	} {
		if why := refuse(c.from, c.to); (why == "") != c.ok {
			t.Errorf("%s imports %s: allowed=%v (%s), want %v", c.from, c.to, why == "", why, c.ok)
		}
	}
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == built {
			continue
		}
		if !slices.Contains(topLevel, e.Name()) {
			t.Errorf("the top level has a folder %q; it is fixed to %v", e.Name(), topLevel)
		}
	}
}

// root is the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// list asks the go command for the project's packages, with the imports of their code and not of their tests: a test may
// stand anywhere.
func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Module,Error", "./...")
	cmd.Dir = root(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Error != nil {
			t.Errorf("%s: %s", p.ImportPath, p.Error.Err)
		}
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			p.ImportPath = path.Clean(p.ImportPath)
			packages = append(packages, p)
		}
	}
}
