package main

import (
	"os"
	"strings"
	"testing"
)

// TestTutorial: the code in docs/writing-apps.md is that of the program.
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile("../../../docs/writing-apps.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("notelnet.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```go\n")[1:]
	if len(blocks) != 3 {
		t.Fatalf("the page has %d pieces of code, want 3", len(blocks))
	}
	for _, b := range blocks {
		code, _, _ := strings.Cut(b, "```\n")
		if !strings.Contains(string(program), code) {
			t.Errorf("the program has no\n%s", code)
		}
	}
	if lines := strings.Count(string(program), "\n"); lines >= 100 {
		t.Errorf("the program has %d lines; the page promises fewer than 100", lines)
	}
}
