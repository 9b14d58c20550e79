package netlab

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Registry is where every lab of the machine is written down, whoever made it.
//
// Invariant: a lab's entry exists before its first namespace or process and is removed after its last. So whatever is
// named like a lab's and has no entry, or whose entry names a dead owner, is garbage, and may be removed by anyone who
// holds the registry's lock.
const registryDir = "/run/weft-netlab"

var labName = regexp.MustCompile(`^wl([0-9a-f]{6})-`)

// owner identifies a process beyond the reuse of its pid.
type owner struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // start time in clock ticks after boot, proc(5)
	Boot  string `json:"boot"`  // the boot it belongs to
}

// entry is what the registry knows of a lab.
type entry struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Owner owner  `json:"owner"`
	// Kept labs have no owner that must live: they stay until they are taken down.
	Kept bool `json:"kept,omitempty"`
}

func (e entry) dir() string { return filepath.Join(registryDir, e.ID) }

func self() (owner, error) {
	start, err := startTime(os.Getpid())
	if err != nil {
		return owner{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return owner{}, err
	}
	return owner{PID: os.Getpid(), Start: start, Boot: strings.TrimSpace(string(boot))}, nil
}

// alive says whether the process still runs.
func (o owner) alive() bool {
	me, err := self()
	if err != nil {
		return true // unknown: leave it
	}
	if o.Boot != me.Boot {
		return false
	}
	start, err := startTime(o.PID)
	return err == nil && start == o.Start
}

// startTime is field 22 of /proc/pid/stat. It is an error when the process is gone or a zombie.
func startTime(pid int) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	// The second field is the command in parentheses, and may hold anything.
	i := strings.LastIndexByte(string(b), ')')
	fields := strings.Fields(string(b[i+1:]))
	if i < 0 || len(fields) < 20 {
		return "", fmt.Errorf("process %d: unreadable stat", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	return fields[19], nil
}

// locked runs fn while holding the machine's lock on the registry.
func locked(fn func() error) error {
	if err := os.MkdirAll(registryDir, 0o755); err != nil {
		return fmt.Errorf("lab registry: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(registryDir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("lab registry: %w", err)
	}
	defer f.Close()
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("lab registry: lock: %w", err)
	}
	return fn()
}

// register sweeps what dead processes left and enters a new lab.
func register(name string, kept bool) (entry, error) {
	o, err := self()
	if err != nil {
		return entry{}, fmt.Errorf("lab registry: %w", err)
	}
	e := entry{Name: name, Owner: o, Kept: kept}
	err = locked(func() error {
		if err := sweepLocked(); err != nil {
			return err
		}
		for {
			var b [3]byte
			if _, err := rand.Read(b[:]); err != nil {
				return err
			}
			e.ID = hex.EncodeToString(b[:])
			err := os.Mkdir(e.dir(), 0o755)
			if errors.Is(err, os.ErrExist) {
				continue
			}
			if err != nil {
				return err
			}
			return e.write()
		}
	})
	return e, err
}

func (e entry) write() error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(e.dir(), "owner.json"), b, 0o644)
}

func readEntry(id string) (entry, error) {
	var e entry
	b, err := os.ReadFile(filepath.Join(registryDir, id, "owner.json"))
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(b, &e)
}

// Sweep removes the labs whose owner died, and what is left of labs that nobody remembers. New does it too.
func Sweep() error { return locked(sweepLocked) }

func sweepLocked() error {
	known := map[string]bool{}
	var errs []error
	dirs, err := os.ReadDir(registryDir)
	if err != nil {
		return fmt.Errorf("lab registry: %w", err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		e, err := readEntry(d.Name())
		// An entry that cannot be read was being written when its process died: the lock is ours now.
		if err == nil && (e.Kept || e.Owner.alive()) {
			known[e.ID] = true
			continue
		}
		errs = append(errs, raze(d.Name()))
	}
	orphans := map[string]bool{}
	names, err := namespacesOf("")
	errs = append(errs, err)
	for _, n := range names {
		if m := labName.FindStringSubmatch(n); m != nil && !known[m[1]] {
			orphans[m[1]] = true
		}
	}
	for id := range orphans {
		errs = append(errs, raze(id))
	}
	return errors.Join(errs...)
}

// raze removes everything a lab has on the machine, knowing nothing but its id; the entry goes last.
func raze(id string) error {
	names, err := namespacesOf(id)
	if err != nil {
		return err
	}
	// A daemon may outlive a namespace's name, or have run in none: its command line or its pid file tells.
	if err := killAll(names, filepath.Join(registryDir, id)); err != nil {
		return fmt.Errorf("lab %s: %w", id, err)
	}
	errs := []error{removeRootLink(id)}
	for _, n := range names {
		errs = append(errs, removeNamespace(n))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("lab %s: %w", id, err)
	}
	if err := os.RemoveAll(filepath.Join(registryDir, id)); err != nil {
		return fmt.Errorf("lab %s: %w", id, err)
	}
	return nil
}
