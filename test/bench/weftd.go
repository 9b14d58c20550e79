package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

const (
	weftdWithin   = 30 * time.Second // to serve, and to end
	callWithin    = 5 * time.Minute
	clockTick     = 100 // of /proc/PID/stat, a second; the same on every Linux architecture that Go runs on
	namespaceFlag = "--metrics=" + e2e.Metrics
)

// weftd is the controller as a process in a lab, and a client of it.
type weftd struct {
	*client.Client
	lab     *netlab.Lab
	dir     string // with its data and its log
	program string
	cmd     *exec.Cmd
	ended   chan error // receives what Wait said
}

// startWeftd starts the controller on the data in dir and returns when it serves.
func (b *bench) startWeftd(ctx context.Context, lab *netlab.Lab, dir string) (*weftd, error) {
	w := &weftd{lab: lab, dir: dir, program: filepath.Join(b.root, "build", "weftd"), ended: make(chan error, 1)}
	log, err := os.OpenFile(filepath.Join(dir, "weftd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	w.cmd = lab.ControllerCommand(w.program, "--data-dir", filepath.Join(dir, "data"), "--underlay-mtu", strconv.Itoa(netlab.UnderlayMTU), namespaceFlag, "--pprof", "on")
	w.cmd.Stdout, w.cmd.Stderr = log, log
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s (make build makes it): %w", w.program, err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	conf := client.Config{Address: e2e.GRPC, CallTimeout: callWithin, Options: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return lab.DialContext(ctx, "tcp", addr) }),
	}}
	err = netlab.Eventually(weftdWithin, "weftd serves", func() error {
		if w.Client == nil {
			c, err := client.Dial(ctx, conf)
			if err != nil {
				return err
			}
			w.Client = c
		}
		// It serves before it has read its store, of which the other hosts' interfaces are much.
		_, _, err := w.ListAll(ctx, &weftv1.Filter{Kinds: []string{"Project"}})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

// stop ends the controller in good order. When it fails, the error has the end of its log.
func (w *weftd) stop() error {
	if w.Client != nil {
		_ = w.Close() // its connection; weftd is ended below
	}
	_ = w.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself, which Wait tells
	select {
	case err := <-w.ended:
		if err != nil {
			return fmt.Errorf("weftd: %w\n%s", err, w.tail())
		}
		return nil
	case <-time.After(weftdWithin):
		_ = w.cmd.Process.Kill()
		return fmt.Errorf("weftd did not end by itself: %w\n%s", <-w.ended, w.tail())
	}
}

func (w *weftd) tail() string {
	log := read(filepath.Join(w.dir, "weftd.log"))
	return log[max(0, len(log)-4000):]
}

// usage is what a process has used.
type usage struct {
	cpu  float64 // seconds of processors
	peak float64 // most memory it had, MiB
}

func (w *weftd) usage() usage { return usageOf(w.cmd.Process.Pid) }

func usageOf(pid int) usage {
	stat := read(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // begins with field 3 of proc(5)
	var u usage
	if len(fields) > 12 {
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		u.cpu = (user + system) / clockTick
	}
	kib, _, _ := strings.Cut(field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM"), " ")
	n, _ := strconv.ParseFloat(kib, 64)
	u.peak = n / 1024
	return u
}

// profile records weftd's CPU profile until the function returned is called, which says what costs most.
func (w *weftd) profile(ctx context.Context, path string, seconds int) (func() (string, error), error) {
	hc := &http.Client{Transport: &http.Transport{DialContext: w.lab.DialContext, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", e2e.Metrics, seconds), nil)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		done <- fetch(hc, req, path)
	}()
	return func() (string, error) {
		if err := <-done; err != nil {
			return "", fmt.Errorf("profile of weftd: %w", err)
		}
		return top(path)
	}, nil
}

func fetch(hc *http.Client, req *http.Request, path string) error {
	resp, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}

// top lists what a profile's time goes to, by cumulated time, the project's own functions only.
func top(path string) (string, error) {
	goTool := os.Getenv("GO")
	if goTool == "" {
		goTool = "go"
	}
	out, err := exec.Command(goTool, "tool", "pprof", "-top", "-cum", "-nodecount=28", "-show=weft-sdn|etcd|grpc|runtime.gcBgMarkWorker|syscall", path).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go tool pprof: %w\n%s", err, out)
	}
	_, text, _ := strings.Cut(string(out), "\nDuration")
	return "Duration" + text, nil
}
