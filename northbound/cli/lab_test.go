package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/test/netlab"
)

// TestLab makes a lab of one host, looks at it, and takes it down.
func TestLab(t *testing.T) {
	netlab.Require(t)
	dir := t.TempDir()
	spec := filepath.Join(dir, "lab.yaml")
	text := "hosts: [{name: h1}]\nendpoints: [{name: vm1, host: h1, ifaceId: red/vm1, mac: \"fa:16:3e:00:00:11\", addresses: [10.0.0.11/24]}]\n"
	if err := os.WriteFile(spec, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEFT_LAB", filepath.Join(dir, "state"))
	t.Cleanup(func() { weft(t, "", "lab", "down") })

	code, out, errs := weft(t, "", "lab", "up", "-f", spec, "--manager", "none", "--timeout", "10ms")
	if code != 0 || out != "lab up: 1 host, 1 endpoint\n" || !strings.HasPrefix(errs, "the hosts have no bridge yet, so the endpoints are not plugged: start weftd") {
		t.Fatal(code, out, errs)
	}
	if code, _, errs := weft(t, "", "lab", "up", "-f", spec); code != 1 || !strings.Contains(errs, "take it down first") {
		t.Fatal(code, errs)
	}
	if code, out, errs := weft(t, "", "lab", "exec", "h1", "ovs-vsctl", "--no-wait", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev"); code != 0 {
		t.Fatal(code, out, errs)
	}
	if code, out, errs := weft(t, "", "lab", "plug"); code != 0 || out != "every endpoint is plugged\n" {
		t.Fatal(code, out, errs)
	}
	code, out, errs = weft(t, "", "lab", "status")
	want := `HOST  TUNNEL IP  OVSDB-SERVER  OVS-VSWITCHD
h1    10.99.0.1  runs          runs

ENDPOINT  HOST  IFACE-ID  MAC                ADDRESSES     PLUGGED
vm1       h1    red/vm1   fa:16:3e:00:00:11  10.0.0.11/24  yes
`
	if diff := cmp.Diff(want, out); code != 0 || diff != "" {
		t.Fatal(code, errs, diff)
	}
	if code, out, errs := weft(t, "hello", "lab", "exec", "vm1", "cat"); code != 0 || out != "hello" {
		t.Fatal(code, out, errs)
	}
	if code, _, _ := weft(t, "", "lab", "exec", "vm1", "sh", "-c", "exit 7"); code != 7 {
		t.Fatalf("exit status %d, want 7", code)
	}
	if code, _, errs := weft(t, "", "lab", "exec", "vm9", "true"); code != 2 || !strings.Contains(errs, `the lab has no "vm9"; it has h1, vm1`) {
		t.Fatal(code, errs)
	}
	if code, out, errs := weft(t, "", "lab", "down"); code != 0 || out != "lab down\n" {
		t.Fatal(code, out, errs)
	}
	if code, out, errs := weft(t, "", "lab", "down"); code != 0 || out != "no lab is up\n" {
		t.Fatal(code, out, errs)
	}
	if code, _, errs := weft(t, "", "lab", "exec", "vm1", "true"); code != 1 || !strings.Contains(errs, "no lab is up") {
		t.Fatal(code, errs)
	}
}

// TestExampleLab: the lab of the example fits its manifest.
func TestExampleLab(t *testing.T) {
	text, err := os.ReadFile("../../examples/two-tenants-lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := netlab.ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := (&app{}).documents([]string{"../../examples/two-tenants.yaml"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, d := range docs {
		if p := d.Resource.GetPortSpec(); p != nil {
			want = append(want, d.Resource.GetProject()+"/"+d.Resource.GetName()+" "+p.GetMacAddress()+" "+strings.Join(ips(d.Resource), " "))
		}
	}
	for _, e := range spec.Endpoints {
		var ips []string
		for _, a := range e.Addresses {
			ip, _, _ := strings.Cut(a, "/")
			ips = append(ips, ip)
		}
		got = append(got, e.IfaceID+" "+e.MAC+" "+strings.Join(ips, " "))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 6 {
		t.Fatal(diff)
	}
}
