package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// namespacesOf lists the namespaces of a lab, or of every lab when id is empty.
func namespacesOf(id string) ([]string, error) {
	files, err := os.ReadDir(netnsDir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var names []string
	for _, f := range files {
		m := labName.FindStringSubmatch(f.Name())
		if m != nil && (id == "" || m[1] == id) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

func removeNamespace(name string) error {
	out, err := exec.Command("ip", "netns", "del", name).CombinedOutput()
	if err == nil {
		return nil
	}
	// A process that died between touch and mount leaves a plain file, which ip-netns(8) does not unmount but we remove.
	path := filepath.Join(netnsDir, name)
	if rmErr := os.Remove(path); rmErr == nil || errors.Is(rmErr, os.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("remove namespace %s: %w: %s", name, err, out)
}

// killAll ends every process that is in one of the namespaces or was started with a path under dir, except our own, and
// waits until they are gone.
func killAll(names []string, dir string) error {
	inodes := map[uint64]bool{}
	for _, n := range names {
		var st unix.Stat_t
		if unix.Stat(filepath.Join(netnsDir, n), &st) == nil {
			inodes[st.Ino] = true
		}
	}
	return Eventually(10*time.Second, "end the lab's processes", func() error {
		pids := processes(inodes, dir)
		for _, pid := range pids {
			// ESRCH: it ended by itself.
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill %d: %w", pid, err)
			}
		}
		if len(pids) > 0 {
			return fmt.Errorf("still running: %v", pids)
		}
		return nil
	})
}

// processes lists the living processes in the namespaces or with dir in their command line, without this one.
func processes(inodes map[uint64]bool, dir string) []int {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if !inodes[netnsInode(pid)] && !mentions(pid, dir) {
			continue
		}
		if _, err := startTime(pid); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func netnsInode(pid int) uint64 {
	var st unix.Stat_t
	if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st) != nil {
		return 0
	}
	return st.Ino
}

// mentions says whether a process is an Open vSwitch daemon that was started with a path under dir. Others (an editor
// that shows a log of the lab) are none of our business.
func mentions(pid int, dir string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(b) == 0 {
		return false
	}
	argv0, _, _ := bytes.Cut(b, []byte{0})
	name := filepath.Base(string(argv0))
	return (name == "ovsdb-server" || name == "ovs-vswitchd") && bytes.Contains(b, []byte(dir+"/"))
}

// readPID reads a daemon's pid file; 0 when there is none.
func readPID(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	return pid
}

// running says whether a pid file's daemon runs.
func running(pidFile string) bool {
	pid := readPID(pidFile)
	if pid == 0 {
		return false
	}
	_, err := startTime(pid)
	return err == nil
}

// stop signals a pid file's daemon and waits until it is gone. A daemon that does not run is no error.
func stop(pidFile string, sig syscall.Signal) error {
	pid := readPID(pidFile)
	if pid == 0 {
		return nil
	}
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %d: %w", pid, err)
	}
	err := Eventually(20*time.Second, fmt.Sprintf("end of process %d", pid), func() error {
		if _, err := startTime(pid); err == nil {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return err
	}
	// A daemon killed hard leaves its pid file, whose number may be another's tomorrow.
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
