package ovsdb

import (
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"
)

func TestMenderPacesFights(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	run := func(m *mender, rest bool, span time.Duration) (sent int) {
		for end := now.Add(span); now.Before(end); now = now.Add(10 * time.Millisecond) {
			if now.Before(m.notBefore) {
				continue
			}
			if m.mayGo(now, cfg) {
				sent++
				if rest { // it worked, and was undone at once
					m.attempts, m.wait = 0, 0
				}
			}
		}
		return sent
	}
	if n := run(&mender{reached: true}, true, 10*time.Second); n < driftBurst || n > driftBurst+10*driftPerSecond+1 {
		t.Errorf("%d transactions in 10 s against someone who undoes each", n)
	}
	if n := run(&mender{}, false, time.Minute); n < tooManyAttempts || n > tooManyAttempts+20 {
		t.Errorf("%d transactions in a minute that never come to rest", n)
	}
	if n := run(&mender{}, true, time.Second); n != 100 {
		t.Errorf("%d of 100 levels written", n)
	}
}

// TestConcurrentEditsAreKept has others write the same maps and sets while we do.
func TestConcurrentEditsAreKept(t *testing.T) {
	t.Parallel()
	x := newLab(t)
	d := Desired{Bridges: []DesiredBridge{integration()}, OtherConfig: map[string]string{}}
	x.s.SetDesired(d)
	settled(t, x.s)
	var wg sync.WaitGroup
	const writers, edits = 3, 10
	failed := make(chan string, writers*edits)
	for w := range writers {
		wg.Go(func() {
			for i := range edits {
				name := fmt.Sprintf("e%dx%d", w, i)
				out, err := exec.Command("ovs-vsctl", "--no-wait", "--timeout=120", "--db=unix:"+x.dir+"/db.sock", "set", "bridge", "br-int",
					"other_config:"+name+"=1", "external_ids:"+name+"=1", "--", "set", "Open_vSwitch", ".", "other_config:"+name+"=1",
					"--", "add-port", "br-int", name, "--", "set", "interface", name, "type=internal").CombinedOutput()
				if err != nil {
					failed <- string(out)
				}
			}
		})
	}
	for i := range 30 {
		d.OtherConfig = map[string]string{"ours": fmt.Sprint(i)}
		d.Bridges[0].OtherConfig = map[string]string{"ours": fmt.Sprint(i)}
		d.Bridges[0].Ports[1].Name = fmt.Sprintf("patch%d", i)
		x.s.SetDesired(d)
		settled(t, x.s)
	}
	wg.Wait()
	close(failed)
	for out := range failed {
		t.Error(out)
	}
	x.until("all edits", func(s *State) bool { return len(s.Bridges["br-int"].Ports) == writers*edits+3 })
	settled(t, x.s)
	s := x.s.Snapshot()
	for w := range writers {
		for i := range edits {
			name := fmt.Sprintf("e%dx%d", w, i)
			b := s.Bridges["br-int"]
			if b.OtherConfig[name] != "1" || b.ExternalIDs[name] != "1" || s.OtherConfig[name] != "1" {
				t.Errorf("edit %s is lost", name)
			}
		}
	}
	if s.OtherConfig["ours"] != "29" || x.s.Status().Failures != 0 {
		t.Errorf("ours is %q, status %+v", s.OtherConfig["ours"], x.s.Status())
	}
}

func TestManyPortsGoInSeveralTransactions(t *testing.T) {
	t.Parallel()
	h := newHost(t, "many")
	s := newSessions(t, Config{})
	s.dial("unix:" + h.dir + "/db.sock")
	sess := s.next()
	d := Desired{Bridges: []DesiredBridge{{Name: "br-int"}}}
	for i := range maxChanges + 500 {
		d.Bridges[0].Ports = append(d.Bridges[0].Ports, DesiredPort{Name: fmt.Sprintf("p%d", i), Type: "internal"})
	}
	sess.SetDesired(d)
	settled(t, sess)
	if n := len(sess.Snapshot().Interfaces); n != maxChanges+501 || sess.Status().Transactions != 2 {
		t.Errorf("%d interfaces in %d transactions", n, sess.Status().Transactions)
	}
	sess.SetDesired(Desired{})
	settled(t, sess)
	if n := len(sess.Snapshot().Interfaces); n != 0 {
		t.Errorf("%d interfaces are left", n)
	}
}
