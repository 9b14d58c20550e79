package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-sdn/weft/northbound/client/clienttest"
)

// TestREADME: the program prints what its README says, and leaves nothing, so that it does so again.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```\n")
	want := blocks[len(blocks)-2]
	address := clienttest.Serve(t)
	for range 2 {
		var out bytes.Buffer
		if err := run(t.Context(), address, &out); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Fatalf("README -, program +\n%s", diff)
		}
	}
}
