// Package pythonclient runs the example in Python.
package pythonclient

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client/clienttest"
)

// TestREADME does what the README says, with its own address and folder, and gets what it says.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```\n")
	commands, want := blocks[3], blocks[5]
	for _, name := range []string{"build/python", "127.0.0.1:6650"} {
		if !strings.Contains(commands, name) {
			t.Fatalf("the README's commands have no %s:\n%s", name, commands)
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	commands = strings.NewReplacer("build/python", t.TempDir(), "127.0.0.1:6650", clienttest.Serve(t)).Replace(commands)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for range 2 {
		cmd := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
		cmd.Dir = root
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s\nDebian's python3-grpcio, python3-protobuf, protobuf-compiler and libprotobuf-dev are needed.", err, errs.String())
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Fatalf("README -, program +\n%s", diff)
		}
	}
}
