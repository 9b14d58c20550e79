package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// A backup is made, the tenants are deleted, and the backup is restored: everything is as it was, with its ids, and works.
func TestBackup(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	p := twoTenants(c, "h1", "h2")
	before, resources := allFlows(c), everything(c)
	file := filepath.Join(t.TempDir(), "weft.backup")
	c.Weft("backup", file)
	c.Run("a store that is not empty is left alone", func(c *e2e.Cloud) {
		_, stderr, status := c.TryWeft("", "restore", file)
		if status != 1 || !strings.Contains(stderr, "not empty") {
			c.T.Errorf("exit status %d: %s", status, stderr)
		}
	})
	c.Run("a damaged backup is refused", func(c *e2e.Cloud) {
		b := netlab.Must(os.ReadFile(file))(c.T)
		b[len(b)/2] ^= 1
		for name, damaged := range map[string][]byte{"changed": b, "cut": b[:len(b)/3], "empty": nil, "garbage": []byte("no backup at all")} {
			_, stderr, status := c.TryWeft(string(damaged), "restore", "--replace", "-")
			if status != 1 || len(strings.TrimSpace(stderr)) < 10 {
				c.T.Errorf("%s: exit status %d: %s", name, status, stderr)
			}
		}
		same(c, resources)
	})
	stop := untouched(c, [2]*netlab.Endpoint{p.blues[0], p.blues[1]})
	c.Run("deleted and restored", func(c *e2e.Cloud) {
		c.Weft("delete", "project/red", "--cascade", "--wait")
		c.Reach(netlab.Probe{From: p.reds[0], To: p.reds[1], Expect: netlab.Unreached})
		c.Weft("restore", "--replace", file)
		c.Active(p.red.Names()...)
		same(c, resources)
		c.Reach(netlab.AllPairs(p.reds, all(netlab.Reaches))...)
		c.Do(difference(before, allFlows(c)))
	})
	c.Run("into a new weftd", func(c *e2e.Cloud) {
		c.Do(c.Weftd.Stop(), os.RemoveAll(c.Weftd.DataDir()))
		// The switches keep what they have until weftd knows what they should have, which is not at once.
		for _, h := range c.Lab.Hosts() {
			c.Do(h.SetManager())
		}
		c.Do(c.Weftd.Start())
		c.Eventually(20*time.Second, "the backup is restored", func() error { return restore(c, file) })
		for _, h := range c.Lab.Hosts() {
			c.Onboard(h)
		}
		c.Synced()
		c.Active(append(p.red.Names(), p.blue.Names()...)...)
		same(c, resources)
		c.Do(difference(before, allFlows(c)))
	})
	c.Run("into an empty weftd that hosts have found", func(c *e2e.Cloud) {
		c.Do(c.Weftd.Stop(), os.RemoveAll(c.Weftd.DataDir()))
		c.Do(c.Weftd.Start())
		c.Eventually(20*time.Second, "hosts connect", func() error {
			info, err := c.Client.Info(c.T.Context())
			if err == nil && info.GetHostsOnline() < 2 {
				err = fmt.Errorf("%d hosts are online", info.GetHostsOnline())
			}
			return err
		})
		holds(c, time.Second, "an empty store empties no switch", func() error { return difference(before, allFlows(c)) })
		c.Weft("restore", "--replace", file)
		c.Synced()
		c.Active(append(p.red.Names(), p.blue.Names()...)...)
		same(c, resources)
		c.Do(difference(before, allFlows(c)))
	})
	stop()
}

// everything is all resources of tenants as stored, without what changes by itself.
func everything(c *e2e.Cloud) []*weftv1.Resource {
	c.T.Helper()
	found, _, err := c.Client.ListAll(c.T.Context(), &weftv1.Filter{Kinds: []string{"Project", "Network", "Subnet", "Port"}})
	c.Do(err)
	for _, r := range found {
		r.Revision, r.Updated, r.Status.Conditions = 0, nil, nil
		if port := r.GetStatus().GetPort(); port != nil {
			port.LinkState = ""
		}
	}
	return found
}

// same demands that all resources are as they were.
func same(c *e2e.Cloud, want []*weftv1.Resource) {
	c.T.Helper()
	got := everything(c)
	if len(got) != len(want) {
		c.T.Fatalf("%d resources, want %d", len(got), len(want))
	}
	for i := range want {
		if !proto.Equal(got[i], want[i]) {
			c.T.Errorf("differs:\n%v\nwant\n%v", got[i], want[i])
		}
	}
}

// restore restores into an empty store.
func restore(c *e2e.Cloud, file string) error {
	if _, stderr, status := c.TryWeft("", "restore", file); status != 0 {
		return fmt.Errorf("exit status %d: %s", status, stderr)
	}
	return nil
}
