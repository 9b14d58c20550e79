package netlab

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// The host's daemons are started with --detach: the command returns when the daemon serves, and the daemon is not our
// child, so a lab that is kept outlives the process that made it.

// StartOVSDB starts the host's ovsdb-server.
func (h *Host) StartOVSDB() error {
	_, err := h.tool("ovsdb-server", h.file("conf.db"),
		"--remote=punix:"+h.file("db.sock"), "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		"--private-key=db:Open_vSwitch,SSL,private_key", "--certificate=db:Open_vSwitch,SSL,certificate",
		"--ca-cert=db:Open_vSwitch,SSL,ca_cert",
		"--pidfile="+h.file("ovsdb-server.pid"), "--unixctl="+h.file("ovsdb.ctl"),
		"--log-file="+h.file("ovsdb-server.log"), "-vconsole:off", "--no-chdir", "--detach")
	return err
}

// StopOVSDB ends ovsdb-server in good order.
func (h *Host) StopOVSDB() error { return h.stop("ovsdb-server.pid", syscall.SIGTERM) }

// KillOVSDB ends ovsdb-server with SIGKILL.
func (h *Host) KillOVSDB() error { return h.stop("ovsdb-server.pid", syscall.SIGKILL) }

// RestartOVSDB stops and starts ovsdb-server.
func (h *Host) RestartOVSDB() error {
	if err := h.StopOVSDB(); err != nil {
		return err
	}
	return h.StartOVSDB()
}

// StartVswitchd starts the host's ovs-vswitchd and returns when it has done what the database says.
func (h *Host) StartVswitchd() error {
	args := []string{
		"unix:" + h.file("db.sock"),
		"--pidfile=" + h.file("ovs-vswitchd.pid"), "--unixctl=" + h.file("vswitchd.ctl"),
		"--log-file=" + h.file("ovs-vswitchd.log"), "-vconsole:off", "--no-chdir", "--detach",
	}
	if h.opts.Dummy {
		args = append(args, "--enable-dummy=override")
	}
	if _, err := h.tool("ovs-vswitchd", args...); err != nil {
		return err
	}
	return Eventually(10*time.Second, "tunnel address of "+h.name, h.addressTunnel)
}

// StopVswitchd ends ovs-vswitchd in good order. Its flows are gone with it.
func (h *Host) StopVswitchd() error { return h.stop("ovs-vswitchd.pid", syscall.SIGTERM) }

// KillVswitchd ends ovs-vswitchd with SIGKILL, as a crash would.
func (h *Host) KillVswitchd() error { return h.stop("ovs-vswitchd.pid", syscall.SIGKILL) }

// RestartVswitchd stops and starts ovs-vswitchd.
func (h *Host) RestartVswitchd() error {
	if err := h.StopVswitchd(); err != nil {
		return err
	}
	return h.StartVswitchd()
}

// PauseVswitchd stops ovs-vswitchd's clock: its connections stay, and nothing is answered.
func (h *Host) PauseVswitchd() error { return h.signal("ovs-vswitchd.pid", syscall.SIGSTOP) }

// ResumeVswitchd undoes PauseVswitchd.
func (h *Host) ResumeVswitchd() error { return h.signal("ovs-vswitchd.pid", syscall.SIGCONT) }

// VswitchdPID is the process id of ovs-vswitchd; 0 when it does not run.
func (h *Host) VswitchdPID() int { return h.pid("ovs-vswitchd.pid") }

// OVSDBPID is the process id of ovsdb-server; 0 when it does not run.
func (h *Host) OVSDBPID() int { return h.pid("ovsdb-server.pid") }

func (h *Host) pid(file string) int {
	if !running(h.file(file)) {
		return 0
	}
	return readPID(h.file(file))
}

func (h *Host) stop(file string, sig syscall.Signal) error {
	if err := stop(h.file(file), sig); err != nil {
		return fmt.Errorf("host %s: %s: %w", h.name, file, err)
	}
	return nil
}

func (h *Host) signal(file string, sig syscall.Signal) error {
	pid := h.pid(file)
	if pid == 0 {
		return fmt.Errorf("host %s: %s: %w", h.name, file, os.ErrProcessDone)
	}
	return syscall.Kill(pid, sig)
}
