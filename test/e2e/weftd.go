package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weft-sdn/weft/test/netlab"
)

// Addresses of weftd inside the lab's controller namespace; they are its defaults.
const (
	GRPC     = "127.0.0.1:6650"
	Metrics  = "127.0.0.1:6651"
	OpenFlow = "127.0.0.1:6653"
	OVSDB    = "127.0.0.1:6640"
)

// stopWithin is how long weftd may take to end in good order.
const stopWithin = 10 * time.Second

// Weftd is the controller as a process, which can be killed and started again on the same data.
type Weftd struct {
	lab  *netlab.Lab
	dir  string
	args []string
	// program is the path of what is run.
	program string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
	err  error         // of cmd, once it has ended
}

func newWeftd(lab *netlab.Lab, dir string, args []string) *Weftd {
	return &Weftd{lab: lab, dir: dir, args: args, program: program("weftd")}
}

// Arguments sets what weftd is told from the next Start on, beside what all tests tell it.
func (w *Weftd) Arguments(args ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.args = args
}

// DataDir is where weftd keeps its embedded store.
func (w *Weftd) DataDir() string { return filepath.Join(w.dir, "data") }

// LogFile has the log of every run.
func (w *Weftd) LogFile() string { return filepath.Join(w.dir, "weftd.log") }

// Start starts weftd. It does not wait until it serves.
func (w *Weftd) Start() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cmd != nil {
		return errors.New("weftd runs already")
	}
	log, err := os.OpenFile(w.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append([]string{"--data-dir", w.DataDir(), "--underlay-mtu", fmt.Sprint(netlab.UnderlayMTU), "--log-level", "debug"}, w.args...)
	cmd := w.lab.ControllerCommand(w.program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start weftd: %w", err)
	}
	w.cmd, w.done = cmd, make(chan struct{})
	go w.wait(cmd, w.done)
	return nil
}

func (w *Weftd) wait(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	w.mu.Lock()
	w.err = err
	w.mu.Unlock()
	close(done)
}

// PID is the process id of the running weftd; 0 when there is none.
func (w *Weftd) PID() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cmd == nil {
		return 0
	}
	select {
	case <-w.done:
		return 0
	default:
		return w.cmd.Process.Pid
	}
}

// Kill ends weftd with SIGKILL, as a crash would.
func (w *Weftd) Kill() error { _, err := w.end(syscall.SIGKILL); return err }

// Stop ends weftd in good order. It is an error when it had ended by itself, takes too long or says that it failed.
func (w *Weftd) Stop() error {
	died, err := w.end(syscall.SIGTERM)
	if err != nil {
		return err
	}
	if died != nil {
		return fmt.Errorf("weftd ended with %w", died)
	}
	return nil
}

// end sends a signal and waits for the end, whose error it returns as died.
func (w *Weftd) end(sig syscall.Signal) (died, err error) {
	w.mu.Lock()
	cmd, done := w.cmd, w.done
	w.mu.Unlock()
	if cmd == nil {
		return nil, nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	select {
	case <-done:
	case <-time.After(stopWithin):
		err = fmt.Errorf("weftd was sent %v and still ran %v later", sig, stopWithin)
		if killErr := cmd.Process.Signal(syscall.SIGABRT); killErr == nil { // makes it print its goroutines
			<-done
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cmd = nil
	return w.err, err
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (w *Weftd) Signal(sig syscall.Signal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cmd == nil {
		return os.ErrProcessDone
	}
	return w.cmd.Process.Signal(sig)
}

// Log is everything that weftd has logged.
func (w *Weftd) Log() string {
	b, err := os.ReadFile(w.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Tail is the last lines of the log; the error, if there was a panic or a data race, with what follows it.
func (w *Weftd) Tail(lines int) (tail string, crash error) {
	log := w.Log()
	for _, sign := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"} {
		if i := strings.Index(log, sign); i >= 0 {
			crash = fmt.Errorf("weftd's log has %q:\n%s", sign, log[i:min(len(log), i+8000)])
			break
		}
	}
	all := strings.Split(strings.TrimRight(log, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n"), crash
}

// Weft runs the command line where weftd is, with standard input and more environment, and returns what it printed and its
// exit status.
func Weft(ctx context.Context, lab *netlab.Lab, environment []string, stdin string, args ...string) (stdout, stderr string, status int, err error) {
	cmd := lab.Controller().CommandContext(ctx, program("weft"), args...)
	var out, errs strings.Builder
	cmd.Env = append(os.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode(), err
}
