package main_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// The store, an etcd of its own, hangs and then dies, while packets flow.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	storeGone(t, 10*time.Second)
}

// storeGone takes the store away for some time, twice: once it hangs, once it is dead.
func storeGone(t *testing.T, away time.Duration) {
	etcd := &etcd{}
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2), Prepare: etcd.start, Weftd: []string{"--etcd-endpoints", "http://127.0.0.1:2379"}})
	p := twoTenants(c, "h1", "h2")
	across := func(c *e2e.Cloud) func() {
		return untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]}, [2]*netlab.Endpoint{p.blues[1], p.blues[2]})
	}
	inside := func(c *e2e.Cloud) func() {
		return untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[2]}, [2]*netlab.Endpoint{p.blues[2], p.blues[0]})
	}
	c.Run("hangs", func(c *e2e.Cloud) {
		without(c, p, away, across, func() { c.Do(etcd.cmd.Process.Signal(syscall.SIGSTOP)) }, func() { c.Do(etcd.cmd.Process.Signal(syscall.SIGCONT)) })
	})
	c.Run("is dead", func(c *e2e.Cloud) {
		without(c, p, away, across, func() { etcd.kill(c) }, func() { etcd.start(c) })
	})
	c.Run("is dead, and a host reconnects", func(c *e2e.Cloud) {
		without(c, p, away, inside, func() {
			etcd.kill(c)
			c.Do(c.Host("h2").RestartOVSDB())
			// Its flows are gone with it, and come back from what weftd knows.
			c.Do(c.Host("h2").RestartVswitchd())
		}, func() { etcd.start(c) })
	})
	c.Run("is dead while weftd starts", func(c *e2e.Cloud) {
		before := allFlows(c)
		stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]})
		c.Do(c.Weftd.Kill())
		etcd.kill(c)
		c.Do(c.Weftd.Start())
		holds(c, 3*time.Second, "flows stay", func() error { return difference(before, allFlows(c)) })
		etcd.start(c)
		c.Eventually(60*time.Second, "weftd serves", func() error {
			if c.Weftd.PID() == 0 {
				// That it gives up where it cannot read anything is in order: whoever supervises it starts it again.
				c.Do(c.Weftd.Kill(), c.Weftd.Start())
			}
			_, err := c.Client.Info(c.T.Context())
			return err
		})
		c.Synced()
		c.Do(difference(before, allFlows(c)))
		stop()
	})
}

// without takes the store away: packets flow, nothing is emptied, the API says so and says it soon, and recovers.
func without(c *e2e.Cloud, p pair, away time.Duration, traffic func(*e2e.Cloud) func(), take, giveBack func()) {
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
	before := allFlows(c)
	stop := traffic(c)
	taken := time.Now()
	take()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	start := time.Now()
	if _, err := c.TryApply(e2e.Tenant{Project: "later", VMs: 1}.YAML()); !errors.Is(err, client.ErrUnavailable) {
		c.T.Errorf("apply without a store: %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		c.T.Errorf("it took %v to say that the store is unavailable", took)
	}
	if _, stderr, status := c.TryWeft(e2e.Tenant{Project: "later", VMs: 1}.YAML(), "apply", "-f", "-"); status == 0 || !strings.Contains(stderr, "store") {
		c.T.Errorf("weft apply without a store: exit status %d, %s", status, stderr)
	}
	if info, err := c.Client.Info(ctx); err != nil || info.GetHostsOnline() != 2 {
		c.T.Errorf("weftd's state without a store: %v, %v", info, err)
	}
	holds(c, time.Until(taken.Add(away)), "flows stay", func() error { return difference(withoutPorts(before), withoutPorts(allFlowsSoon(c, before))) })
	giveBack()
	c.Eventually(30*time.Second, "the API works again", func() error { _, err := c.TryApply(p.red.Port(1, "")); return err })
	c.Synced()
	c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
	c.Do(difference(withoutPorts(before), withoutPorts(allFlows(c))))
	stop()
}

// allFlowsSoon is allFlows, once they are as many as before or some seconds have passed.
func allFlowsSoon(c *e2e.Cloud, before []string) []string {
	var now []string
	_ = netlab.Eventually(5*time.Second, "as many flows", func() error { // the caller compares
		if now = allFlows(c); len(now) < len(before) {
			return errors.New("fewer")
		}
		return nil
	})
	return now
}

// holds demands that check returns nil for some time.
func holds(c *e2e.Cloud, during time.Duration, what string, check func() error) {
	c.T.Helper()
	var broken error
	_ = netlab.Eventually(during, what, func() error { // that it does not end before its time is what is wanted
		if broken = check(); broken != nil {
			return nil //nolint:nilerr // it is told below
		}
		return errors.New("holds")
	})
	if broken != nil {
		c.T.Errorf("%s: %v", what, broken)
	}
}

// etcd is Debian's etcd-server beside weftd, with nothing but loopback to listen on.
type etcd struct{ cmd *exec.Cmd }

func (e *etcd) start(c *e2e.Cloud) {
	c.T.Helper()
	dir := filepath.Join(c.Lab.Dir(), "etcd")
	log, err := os.OpenFile(filepath.Join(c.Lab.Dir(), "etcd.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	c.Do(err)
	defer log.Close()
	e.cmd = c.Lab.ControllerCommand("etcd", "--name", "e2e", "--data-dir", dir,
		"--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
		"--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--initial-cluster", "e2e=http://127.0.0.1:2380")
	e.cmd.Stdout, e.cmd.Stderr = log, log
	c.Do(e.cmd.Start())
	c.Eventually(20*time.Second, "etcd serves", func() error {
		conn, err := c.Lab.Dial("tcp", "127.0.0.1:2379")
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

func (e *etcd) kill(c *e2e.Cloud) {
	c.Do(e.cmd.Process.Kill())
	_ = e.cmd.Wait() // it was killed
}
