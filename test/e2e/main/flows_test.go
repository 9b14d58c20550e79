package main_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// flows are the flows of a host's integration bridge, without counters and ages.
func flows(c *e2e.Cloud, host string) []string {
	c.T.Helper()
	all, err := c.Host(host).DumpFlows(netlab.IntegrationBridge)
	if err != nil {
		c.T.Fatal(err)
	}
	return all
}

// allFlows are the flows of every host, in one list.
func allFlows(c *e2e.Cloud) []string {
	c.T.Helper()
	var all []string
	for _, h := range c.Lab.Hosts() {
		for _, f := range flows(c, h.Name()) {
			all = append(all, h.Name()+": "+f)
		}
	}
	return all
}

// difference says what two dumps do not have in common; nil when they are equal.
func difference(want, got []string) error {
	var errs []error
	for _, f := range want {
		if !slices.Contains(got, f) {
			errs = append(errs, fmt.Errorf("missing: %s", e2e.NameTables(f)))
		}
	}
	for _, f := range got {
		if !slices.Contains(want, f) {
			errs = append(errs, fmt.Errorf("new: %s", e2e.NameTables(f)))
		}
	}
	if len(errs) > 12 {
		errs = append(errs[:12], fmt.Errorf("and %d more", len(errs)-12))
	}
	return errors.Join(errs...)
}

// inTable is how a dump names a flow's table, and what follows it.
func inTable(id uint8) string { return fmt.Sprintf("table=%d,", id) }

// having are the flows that have every part.
func having(flows []string, parts ...string) []string {
	var found []string
	for _, f := range flows {
		if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(f, p) }) {
			found = append(found, f)
		}
	}
	return found
}

// ofNetwork is how a flow that is about a network's frames matches them.
func ofNetwork(tag uint32) string { return fmt.Sprintf("reg0=%#x", tag) }

// none demands that no host has a flow with every part.
func none(c *e2e.Cloud, what string, parts ...string) {
	c.T.Helper()
	if found := having(allFlows(c), parts...); len(found) > 0 {
		c.T.Errorf("%s: there are still flows with %v:\n%s", what, parts, e2e.NameTables(strings.Join(found, "\n")))
	}
}

// youngest is the age of the flow that was added last on a host.
func youngest(c *e2e.Cloud, host string) time.Duration {
	c.T.Helper()
	out, err := c.Host(host).Ofctl("dump-flows", netlab.IntegrationBridge)
	if err != nil {
		c.T.Fatal(err)
	}
	age := time.Duration(1<<63 - 1)
	for _, m := range regexp.MustCompile(`duration=([0-9.]+)s`).FindAllStringSubmatch(out, -1) {
		s, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			c.T.Fatal(err)
		}
		age = min(age, time.Duration(s*float64(time.Second)))
	}
	return age
}

// pings are pings at 100 a second between endpoints, while something happens.
type pings struct {
	c    *e2e.Cloud
	what []string
	all  []*netlab.Pinger
}

const pingEvery = 10 * time.Millisecond

// start pings from an endpoint to the IPv4 and the IPv6 address of another, once both answer.
func (p *pings) start(from, to *netlab.Endpoint) {
	p.c.T.Helper()
	for _, dst := range []string{to.IPv4().String(), to.IPv6().String()} {
		p.c.Eventually(5*time.Second, from.Name()+" reaches "+to.Name(), func() error {
			r, err := from.Ping(dst, netlab.PingOptions{Count: 1, Wait: 200 * time.Millisecond})
			if err == nil && r.Lost() > 0 {
				err = errors.New(r.String())
			}
			return err
		})
		pinger, err := from.StartPing(dst, netlab.PingOptions{Interval: pingEvery, Wait: 3 * time.Second})
		if err != nil {
			p.c.T.Fatal(err)
		}
		p.what = append(p.what, from.Name()+" to "+to.Name()+" at "+dst)
		p.all = append(p.all, pinger)
	}
}

// stop demands that nothing was lost.
func (p *pings) stop() { p.c.T.Helper(); p.lostAtMost(0) }

// lostAtMost demands that of each ping no more than that was lost, and that it did not stand still for it. Answers that are all
// there and late are a busy machine's.
func (p *pings) lostAtMost(most int) {
	p.c.T.Helper()
	for i, pinger := range p.all {
		r := pinger.Stop()
		p.c.T.Logf("%s: %v", p.what[i], r)
		if r.Lost() > most || r.Received == 0 || r.Lost() > 0 && r.LongestGap > 500*time.Millisecond {
			p.c.T.Errorf("%s: %d of %d pings lost, longest gap %v", p.what[i], r.Lost(), r.Sent, r.LongestGap)
		}
	}
}

// plugLoss is how many pings a story may cost in which ports are plugged and unplugged: Open vSwitch's userspace datapath drops
// a packet of others now and then while it adds or removes a port, with no controller at all (14 of 306 pings were lost over 90
// changes to two standalone bridges).
const plugLoss = 12

// untouched starts pings and returns what demands at the end that none was lost.
func untouched(c *e2e.Cloud, pairs ...[2]*netlab.Endpoint) (stop func()) {
	c.T.Helper()
	p := &pings{c: c}
	for _, pair := range pairs {
		p.start(pair[0], pair[1])
	}
	return p.stop
}

// answersWithin demands that a running pinger gets an answer to something it sends from now on.
func answersWithin(c *e2e.Cloud, limit time.Duration, what string, p *netlab.Pinger) {
	c.T.Helper()
	before, start := p.Received(), time.Now()
	c.Eventually(limit, what, func() error {
		if p.Received() == before {
			return errors.New("no answer yet")
		}
		return nil
	})
	c.T.Logf("%s: answers %v later", what, time.Since(start).Round(time.Millisecond))
}

// portNumbers are the parts of a flow that depend on which OpenFlow port number an interface got: meters are numbered by those.
var portNumbers = regexp.MustCompile(`cookie=0x[0-9a-f]+, |set_field:0x[0-9a-f]+->reg1,?|in_port=[0-9]+|meter:[0-9]+`)
