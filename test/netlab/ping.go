package netlab

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// PingOptions say how to ping; the zero value sends three at 100 ms and waits a second for the last answer.
type PingOptions struct {
	Count    int           // default: 3 for Ping; StartPing goes on until Stop
	Interval time.Duration // default: 100 ms
	Wait     time.Duration // for answers after the last was sent; default: 1 s
	Size     int           // bytes of ICMP payload, at least 24; default: 56
	Source   string        // default: what the routing table says
	Nonce    []byte        // 16 bytes that each packet carries; default: random
}

// nonceLen and stampLen are what a payload begins with: whose ping, which number.
const (
	nonceLen   = 16
	minPayload = nonceLen + 8
)

// PingResult counts what came back.
type PingResult struct {
	Sent, Received, Duplicates int
	// LongestGap is the longest time without an answer while answers were due; when none is lost, about the interval.
	LongestGap  time.Duration
	Median, Max time.Duration // round trip
	LastError   string        // of sending, such as "no route to host"
}

// Lost is how many got no answer.
func (r PingResult) Lost() int { return r.Sent - r.Received }

func (r PingResult) String() string {
	s := fmt.Sprintf("%d sent, %d lost, longest gap %v, round trip %v median %v max",
		r.Sent, r.Lost(), r.LongestGap.Round(time.Microsecond), r.Median.Round(time.Microsecond), r.Max.Round(time.Microsecond))
	if r.LastError != "" {
		s += ", " + r.LastError
	}
	return s
}

// Ping sends echo requests and returns what came back; that nothing came back is no error.
func (e *Endpoint) Ping(dst string, o PingOptions) (PingResult, error) {
	if o.Count == 0 {
		o.Count = 3
	}
	p, err := e.StartPing(dst, o)
	if err != nil {
		return PingResult{}, err
	}
	<-p.sent
	return p.Stop(), nil
}

// Pinger pings until it is stopped.
type Pinger struct {
	lab      *Lab
	conn     net.PacketConn
	dst      net.Addr
	v6       bool
	id       int
	opts     PingOptions
	quit     chan struct{}
	quitOnce sync.Once
	sent     chan struct{} // closed when the last was sent
	ended    chan struct{} // closed when the reader ended

	mu     sync.Mutex
	starts []time.Time     // by sequence number
	trips  []time.Duration // by sequence number; 0: no answer yet
	dups   int
	last   error
}

// StartPing pings in the background. Stop must be called; the lab's end stops it too.
func (e *Endpoint) StartPing(dst string, o PingOptions) (*Pinger, error) {
	p, err := e.openPinger(dst, o)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: ping %s: %w", e.name, dst, err)
	}
	e.lab.own(p)
	go p.send()
	go p.receive()
	return p, nil
}

func (e *Endpoint) openPinger(dst string, o PingOptions) (*Pinger, error) {
	addr, err := netip.ParseAddr(dst)
	if err != nil {
		return nil, err
	}
	o.Interval = max(o.Interval, 0)
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.Wait == 0 {
		o.Wait = time.Second
	}
	if o.Size == 0 {
		o.Size = 56
	}
	o.Size = max(o.Size, minPayload)
	if len(o.Nonce) != nonceLen {
		o.Nonce = make([]byte, nonceLen)
		if _, err := rand.Read(o.Nonce); err != nil {
			return nil, err
		}
	}
	p := &Pinger{
		lab: e.lab, v6: addr.Is6(), opts: o, id: int(binary.BigEndian.Uint16(o.Nonce)),
		quit: make(chan struct{}), sent: make(chan struct{}), ended: make(chan struct{}),
	}
	network, any := "ip4:icmp", "0.0.0.0"
	if p.v6 {
		network, any = "ip6:ipv6-icmp", "::"
	}
	ip := &net.IPAddr{IP: addr.AsSlice()}
	if addr.IsLinkLocalUnicast() || addr.IsMulticast() {
		index, err := e.index(endpointLink)
		if err != nil {
			return nil, err
		}
		// A number, not a name: names would be looked up in this process' own namespace.
		ip.Zone = fmt.Sprint(index)
	}
	p.dst = ip
	if p.conn, err = e.ListenPacket(network, defaulted(o.Source, any)); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pinger) send() {
	defer close(p.sent)
	tick := time.NewTicker(p.opts.Interval)
	defer tick.Stop()
	for n := 0; p.opts.Count == 0 || n < p.opts.Count; n++ {
		if n > 0 {
			select {
			case <-tick.C:
			case <-p.quit:
				return
			}
		}
		payload := make([]byte, p.opts.Size)
		copy(payload, p.opts.Nonce)
		binary.BigEndian.PutUint64(payload[nonceLen:], uint64(n))
		m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: n & 0xffff, Data: payload}}
		if p.v6 {
			m.Type = ipv6.ICMPTypeEchoRequest // the kernel computes the checksum, which covers addresses
		}
		b, err := m.Marshal(nil)
		p.mu.Lock()
		p.starts = append(p.starts, time.Now())
		p.trips = append(p.trips, 0)
		p.mu.Unlock()
		if err == nil {
			_, err = p.conn.WriteTo(b, p.dst)
		}
		if err != nil {
			// Not the end: "no route to host" passes when the neighbour answers again.
			p.mu.Lock()
			p.last = errors.Unwrap(err)
			p.mu.Unlock()
		}
	}
}

func (p *Pinger) receive() {
	defer close(p.ended)
	protocol := 1
	if p.v6 {
		protocol = 58
	}
	buf := make([]byte, snapLen)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		now := time.Now()
		m, err := icmp.ParseMessage(protocol, buf[:n])
		if err != nil || (m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply) {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		if !ok || len(echo.Data) < minPayload || !bytes.Equal(echo.Data[:nonceLen], p.opts.Nonce) {
			continue
		}
		p.answered(binary.BigEndian.Uint64(echo.Data[nonceLen:]), now)
	}
}

func (p *Pinger) answered(number uint64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case number >= uint64(len(p.trips)):
	case p.trips[number] != 0:
		p.dups++
	default:
		p.trips[number] = max(now.Sub(p.starts[number]), 1)
	}
}

// Received is how many answers there were so far.
func (p *Pinger) Received() int { return p.result().Received }

// Stop sends no more, waits for what is under way (not longer than Wait), and says how it went.
func (p *Pinger) Stop() PingResult {
	p.quitOnce.Do(func() { close(p.quit) })
	<-p.sent
	// Not an error when it fails: the time is up then, and the result says what is missing.
	_ = Eventually(p.opts.Wait, "answers", func() error {
		if r := p.result(); r.Lost() > 0 {
			return errNotYet
		}
		return nil
	})
	p.lab.disown(p)
	_ = p.conn.Close() // a second Stop finds it closed
	<-p.ended
	return p.result()
}

// Close stops without waiting for answers.
func (p *Pinger) Close() error {
	p.quitOnce.Do(func() { close(p.quit) })
	<-p.sent
	err := p.conn.Close()
	<-p.ended
	return err
}

func (p *Pinger) result() PingResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := PingResult{Sent: len(p.starts), Duplicates: p.dups}
	if p.last != nil {
		r.LastError = p.last.Error()
	}
	if r.Sent == 0 {
		return r
	}
	var trips []time.Duration
	var answers []time.Time
	for i, t := range p.trips {
		if t != 0 {
			trips = append(trips, t)
			answers = append(answers, p.starts[i].Add(t))
		}
	}
	r.Received = len(trips)
	slices.Sort(trips)
	if len(trips) > 0 {
		r.Median, r.Max = trips[len(trips)/2], trips[len(trips)-1]
	}
	slices.SortFunc(answers, time.Time.Compare)
	at := p.starts[0]
	for _, a := range answers {
		r.LongestGap, at = max(r.LongestGap, a.Sub(at)), a
	}
	if p.trips[len(p.trips)-1] == 0 {
		r.LongestGap = max(r.LongestGap, p.starts[len(p.starts)-1].Sub(at))
	}
	return r
}
