package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// binEnv names the folder of the programs that are tested.
const binEnv = "WEFT_E2E_BIN"

// Main runs a suite: it builds weftd and weft once, runs the tests, and returns the exit status for TestMain.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weft-e2e-")
	if err == nil {
		defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder is nobody's problem
		err = errors.Join(build(dir), os.Setenv(binEnv, dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes the programs of this tree.
func build(dir string) error { return buildProgram(dir+"/", "./cmd/...") }

// buildProgram builds packages of the tree.
func buildProgram(to, packages string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	goTool := os.Getenv("GO")
	if goTool == "" {
		goTool = "go"
	}
	cmd := exec.Command(goTool, "build", "-buildvcs=false", "-o", to, packages)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", packages, err, out)
	}
	return nil
}

// Root is the folder of the source tree, found from the working folder, which is a package's when tests run.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), "module github.com/weft-sdn/weft\n") {
			return dir, nil
		}
	}
	return "", errors.New("not inside the source tree of weft")
}

// program is the path of one of the programs under test.
func program(name string) string { return filepath.Join(os.Getenv(binEnv), name) }
