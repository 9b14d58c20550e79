package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/weft-sdn/weft/controller/store"
)

// crashDir, set in the environment, makes the test program a writer to kill.
const crashDir = "STORE_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled prints every key that was acknowledged.
func writeUntilKilled(dir string) error {
	s, err := store.OpenEmbedded(context.Background(), store.EmbeddedConfig{Dir: dir})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		key := fmt.Sprintf("k/%d/%06d", os.Getpid(), i)
		if _, err := s.Txn(context.Background(), nil, []store.Op{store.Put(key, make([]byte, 200))}); err != nil {
			return err
		}
		fmt.Println(key)
	}
}

// TestEmbeddedKilled kills a process in the middle of writing, several times on one directory: what was acknowledged
// is there, and the store opens.
func TestEmbeddedKilled(t *testing.T) {
	dir := t.TempDir()
	var acked []string
	for round := range 4 {
		acked = append(acked, runAndKill(t, dir, 100+700*round)...)
	}
	s := openEmbedded(t, dir)
	defer s.Close()
	kvs, _, err := s.Load(t.Context(), "k/")
	if err != nil {
		t.Fatal(err)
	}
	have := make(map[string]bool, len(kvs))
	for _, kv := range kvs {
		have[kv.Key] = true
	}
	for _, key := range acked {
		if !have[key] {
			t.Errorf("%s was acknowledged and is lost", key)
		}
	}
}

// runAndKill kills the writer when it has had n keys acknowledged.
func runAndKill(t *testing.T, dir string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if keys = append(keys, lines.Text()); len(keys) == n {
			_ = cmd.Process.Kill()
			break
		}
	}
	_ = cmd.Wait()
	if len(keys) < n {
		t.Fatalf("the writer ended after %d keys", len(keys))
	}
	return keys
}
