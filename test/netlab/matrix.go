package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// Verdict of a probe.
const (
	Reaches   Reach = "reaches"
	Unreached Reach = "blocked"
)

// Reach says whether packets of one endpoint get to another.
type Reach string

// Protocol of a probe.
type Protocol string

// The protocols that a probe may use; a probe that names none pings.
const (
	ICMP Protocol = "icmp"
	TCP  Protocol = "tcp"
	UDP  Protocol = "udp"
)

// Probe asks whether From reaches To. Reaching means that To itself got the packet and From got the answer: where two
// tenants have the same address, an answer alone says nothing.
type Probe struct {
	From, To *Endpoint
	Addr     netip.Addr // To's address; default: its first IPv4 address
	Protocol Protocol   // default: ICMP
	Port     int        // for TCP and UDP; default: 7
	Expect   Reach      // default: Reaches
}

// MatrixOptions say how patient a matrix is.
type MatrixOptions struct {
	// Within is how long a probe that should reach may take to do so; default 5 s.
	Within time.Duration
	// Quiet is how long a probe that should not reach is repeated (every 100 ms) and must not; default 500 ms.
	Quiet time.Duration
}

// Row is the outcome of one probe.
type Row struct {
	Probe
	Actual Reach
	Took   time.Duration // until it reached
	Note   string        // what half of the way worked, if any
}

// OK says whether the outcome is the expected one.
func (r Row) OK() bool { return r.Actual == r.Expect }

// Table is the outcome of a matrix, in the order of its probes.
type Table []Row

// Err is nil when every row is as expected, and otherwise has the table in it.
func (t Table) Err() error {
	bad := 0
	for _, r := range t {
		if !r.OK() {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d probes are not as expected:\n%s", bad, len(t), t)
}

// String prints the table.
func (t Table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tADDRESS\tPROTOCOL\tEXPECTED\tACTUAL\t")
	for _, r := range t {
		mark := "ok"
		if !r.OK() {
			mark = "WRONG"
		}
		if r.Note != "" {
			mark += " (" + r.Note + ")"
		}
		proto := string(r.Protocol)
		if r.Protocol != ICMP {
			proto += "/" + strconv.Itoa(r.Port)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.From.name, r.To.name, r.Addr, proto, r.Expect, r.Actual, mark)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// AllPairs makes a probe for every ordered pair, with what expect says of it.
func AllPairs(endpoints []*Endpoint, expect func(from, to *Endpoint) Reach) []Probe {
	var probes []Probe
	for _, from := range endpoints {
		for _, to := range endpoints {
			if from != to {
				probes = append(probes, Probe{From: from, To: to, Expect: expect(from, to)})
			}
		}
	}
	return probes
}

// Matrix runs probes side by side. The error says that a probe could not be made; what the probes found is in the table.
func (l *Lab) Matrix(probes []Probe, o MatrixOptions) (Table, error) {
	if o.Within == 0 {
		o.Within = 5 * time.Second
	}
	if o.Quiet == 0 {
		o.Quiet = 500 * time.Millisecond
	}
	table := make(Table, len(probes))
	for i, p := range probes {
		if p.Addr == (netip.Addr{}) {
			p.Addr = p.To.IPv4()
		}
		if !p.Addr.IsValid() {
			return nil, fmt.Errorf("matrix: %s has no IPv4 address, and the probe from %s names none", p.To.name, p.From.name)
		}
		p.Protocol = Protocol(defaulted(string(p.Protocol), string(ICMP)))
		p.Expect = Reach(defaulted(string(p.Expect), string(Reaches)))
		if p.Port == 0 {
			p.Port = 7
		}
		table[i] = Row{Probe: p, Actual: Unreached}
	}
	stop, err := serveAll(table)
	defer stop()
	if err != nil {
		return nil, err
	}
	captures, err := captureAll(table)
	if err != nil {
		return nil, err
	}
	var g errgroup.Group
	// Each probe is a pinger, which sends and mostly waits; a bound keeps its own load from losing packets.
	g.SetLimit(32)
	for i := range table {
		g.Go(func() error { return table[i].run(o, captures[table[i].To]) })
	}
	err = g.Wait()
	for _, c := range captures {
		err = errors.Join(err, c.Close())
	}
	return table, err
}

// serveAll starts the servers that TCP and UDP probes need.
func serveAll(t Table) (stop func(), err error) {
	type place struct {
		e *Endpoint
		p Protocol
		n int
	}
	servers := map[place]*Server{}
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	for _, r := range t {
		at := place{r.To, r.Protocol, r.Port}
		if servers[at] != nil || r.Protocol == ICMP {
			continue
		}
		serve := r.To.ServeTCP
		if r.Protocol == UDP {
			serve = r.To.ServeUDP
		}
		if servers[at], err = serve(":" + strconv.Itoa(r.Port)); err != nil {
			delete(servers, at)
			return stop, err
		}
	}
	return stop, nil
}

// captureAll watches for echo requests at every endpoint that is pinged.
func captureAll(t Table) (map[*Endpoint]*Capture, error) {
	captures := map[*Endpoint]*Capture{}
	for _, r := range t {
		if r.Protocol != ICMP || captures[r.To] != nil {
			continue
		}
		c, err := r.To.Capture("icmp or icmp6")
		if err != nil {
			return nil, err
		}
		captures[r.To] = c
	}
	return captures, nil
}

func (r *Row) run(o MatrixOptions, at *Capture) error {
	patience := o.Within
	if r.Expect == Unreached {
		patience = o.Quiet
	}
	if r.Protocol != ICMP {
		return r.exchange(patience)
	}
	start := time.Now()
	nonce := randomBytes(nonceLen)
	p, err := r.From.StartPing(r.Addr.String(), PingOptions{Nonce: nonce, Wait: time.Millisecond})
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }() // the answers are counted
	arrived := func() bool {
		for _, f := range at.Received() {
			if bytes.Contains(f.Data, nonce) {
				return true
			}
		}
		return false
	}
	err = Eventually(patience, "answer", func() error {
		if p.Received() == 0 || !arrived() {
			return errNotYet
		}
		return nil
	})
	switch answered, got := p.Received() > 0, arrived(); {
	case err == nil:
		r.Actual, r.Took = Reaches, time.Since(start)
	case got:
		// One direction is a leak where nothing may pass, and no use where something should.
		r.Note = "requests arrive, answers do not"
		if r.Expect == Unreached {
			r.Actual = Reaches
		}
	case answered:
		r.Note = "somebody else answers"
	}
	return nil
}

// exchange tries until somebody answers or patience ends.
func (r *Row) exchange(patience time.Duration) error {
	start := time.Now()
	try := r.From.TCP
	if r.Protocol == UDP {
		try = r.From.UDP
	}
	dst := net.JoinHostPort(r.Addr.String(), strconv.Itoa(r.Port))
	err := Eventually(patience, "answer", func() error {
		who, err := try(dst, 64, min(time.Second, patience))
		if err != nil {
			return err
		}
		if who != r.To.name {
			r.Note = who + " answers"
			return errNotYet
		}
		return nil
	})
	if err == nil {
		r.Actual, r.Took, r.Note = Reaches, time.Since(start), ""
	}
	return nil
}
