package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/test/netlab"
)

const (
	carryRatio = 0.95 // of what plain Open vSwitch does with the same encapsulation
	frameCount = 2000 // to count passes with
)

// carrySuite sends packets of one endpoint to another over networks of every type, in turn with plain Open vSwitch.
func carrySuite(ctx context.Context, b *bench) (err error) {
	l, err := b.newCarryLab(ctx)
	if err != nil {
		return err
	}
	defer closing(l.close, &err)
	for _, k := range carryKinds() {
		if one := (suite{name: "carry." + k.typ}); !one.selected(b.only) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		ours, peer, err := l.pairs(ctx, k)
		if err == nil {
			err = b.carryKind(ctx, k, ours, peer)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", k.typ, err)
		}
	}
	return nil
}

// measurement is a method of pairs.
type measurement func(p pair, ctx context.Context) (carried, error)

// carried is what a measurement found.
type carried struct {
	rate float64 // Mbit/s or 1,000 packets/s that arrived
	cost float64 // processor time of the ovs-vswitchd on the way for what arrived, µs for each kilobyte or each packet
}

// pair is two endpoints of which the first reaches the second.
type pair struct {
	from, to *netlab.Endpoint
	addr     netip.Addr       // that the first one sends to
	via      net.HardwareAddr // of the station that it sends frames to
	on       []*netlab.Host   // whose switches' work counts, in the order in which a packet passes them
}

// between is a pair of which one knows the other as its neighbour.
func between(from, to *netlab.Endpoint) pair {
	return pair{from, to, to.IPv4(), to.MAC(), slices.Compact([]*netlab.Host{from.Host(), to.Host()})}
}

// figure is what is measured of two pairs in turn: something that says how fast, and what the switches work for it.
type figure struct {
	name, unit     string
	target         []func(*Result)
	cost, costUnit string // empty: it is not counted
	costTarget     []func(*Result)
	measure        measurement
}

// carriedFigures are those of every way to carry packets. On a busy machine the rate of two runs is that of what else went on; what
// the switch worked for a packet is the same then, and says what the rate of a machine that does nothing else is.
func carriedFigures(target, costTarget []func(*Result)) []figure {
	return []figure{
		{"tcp_mbps", "Mbit/s", target, "tcp_cpu_us", "µs per kB", costTarget, pair.throughput},
		{"kpps", "kpackets/s", target, "cpu_us", "µs per packet", costTarget, pair.packetRate},
	}
}

// asPlain are the targets of what must be as good as plain Open vSwitch.
func asPlain() (more, less []func(*Result)) {
	return []func(*Result){targetRatioMin(carryRatio)}, []func(*Result){targetRatio(1 / carryRatio)}
}

// carryKind measures one type.
func (b *bench) carryKind(ctx context.Context, k carryKind, ours, peer pair) error {
	name := "carry." + k.typ
	if err := b.compare(ctx, name, "plain Open vSwitch, "+k.plain, ours, peer, carriedFigures(asPlain())); err != nil {
		return err
	}
	return b.countPasses(name, ours, 1, 2)
}

// compare measures a pair of ours and the peer's in turn.
func (b *bench) compare(ctx context.Context, name, with string, ours, peer pair, figures []figure) error {
	for _, f := range figures {
		var rates, costs [2][]float64 // ours, the peer's
		// The first round warms up what learns.
		for i := range 1 + b.choose(9, 1) {
			both, err := inTurn(ctx, i, ours, peer, f.measure)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			for who := range both {
				if i > 0 {
					rates[who], costs[who] = append(rates[who], both[who].rate), append(costs[who], both[who].cost)
				}
			}
		}
		b.add(name+"."+f.name, f.unit, rates[0], append(f.target, inPairs(with, rates[0], rates[1]))...)
		if f.cost != "" {
			b.add(name+"."+f.cost, f.costUnit, costs[0], append(f.costTarget, inPairs(with, costs[0], costs[1]))...)
		}
	}
	return nil
}

// countPasses counts how often a packet goes through the datapath of each host on its way, and says how often it may.
func (b *bench) countPasses(name string, p pair, may ...float64) error {
	per, err := p.passes()
	if err != nil {
		return fmt.Errorf("passes: %w", err)
	}
	names := []string{".passes"}
	if len(per) > 1 {
		names = []string{".send_passes", ".receive_passes"}
	}
	for i, n := range per {
		b.add(name+names[i], "passes per packet", []float64{n}, targetValue(may[i]))
	}
	return nil
}

// inTurn measures ours and the peer, each first every other time, because a machine that gets busier or hotter would
// otherwise always be unkind to the same one.
func inTurn(ctx context.Context, round int, ours, peer pair, measure measurement) (both [2]carried, err error) {
	pairs := [2]pair{ours, peer}
	for i := range pairs {
		who := (i + round) % len(pairs)
		if both[who], err = measure(pairs[who], ctx); err != nil {
			return both, err
		}
	}
	return both, nil
}

func (p pair) throughput(ctx context.Context) (carried, error) {
	r, work, err := p.iperf(ctx)
	if err == nil && r.End.Received.Bytes <= 0 {
		err = fmt.Errorf("iperf3 received nothing")
	}
	if err != nil {
		return carried{}, err
	}
	return carried{r.End.Received.Rate / 1e6, micro(work) / (r.End.Received.Bytes / 1000)}, nil
}

// packetRate sends as many small datagrams as the sender can, and counts those that arrive.
func (p pair) packetRate(ctx context.Context) (carried, error) {
	r, work, err := p.iperf(ctx, "-u", "-b", "0", "-l", "64")
	arrived := r.End.Sum.Packets - r.End.Sum.Lost
	if err == nil && (r.End.Sum.Seconds <= 0 || arrived <= 0) {
		err = fmt.Errorf("iperf3 received nothing")
	}
	if err != nil {
		return carried{}, err
	}
	return carried{arrived / r.End.Sum.Seconds / 1000, micro(work) / arrived}, nil
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// iperfReport is what is read of iperf3's report.
type iperfReport struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			Rate  float64 `json:"bits_per_second"`
			Bytes float64 `json:"bytes"`
		} `json:"sum_received"`
		Sum struct {
			Seconds float64 `json:"seconds"`
			Packets float64 `json:"packets"`
			Lost    float64 `json:"lost_packets"`
		} `json:"sum"`
	} `json:"end"`
}

const iperfSeconds = 1

// iperf runs iperf3 for a moment, with a server of its own: one that is still busy with the end of the last test would turn
// this one away. It also returns for how long the switches worked meanwhile.
func (p pair) iperf(ctx context.Context, options ...string) (r iperfReport, work time.Duration, err error) {
	stop, err := p.serve()
	if err != nil {
		return r, 0, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	args := append([]string{"-c", p.addr.String(), "-J", "-t", strconv.Itoa(iperfSeconds)}, options...)
	before, err := p.switchWork()
	if err != nil {
		return r, 0, err
	}
	out, err := p.from.CommandContext(ctx, "iperf3", args...).Output()
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		return r, 0, fmt.Errorf("iperf3 %s: %w, %w", strings.Join(args, " "), err, jsonErr)
	}
	if r.Error != "" {
		return r, 0, fmt.Errorf("iperf3 %s: %s", strings.Join(args, " "), r.Error)
	}
	after, err := p.switchWork()
	return r, after - before, err
}

// switchWork is for how long all threads of the ovs-vswitchd on the way have been on a processor, to the nanosecond
// (proc(5): /proc/pid/task/tid/schedstat); what a hypervisor takes away is not in it.
func (p pair) switchWork() (time.Duration, error) {
	var sum time.Duration
	for _, h := range p.on {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", h.VswitchdPID()))
		if err != nil || len(tasks) == 0 {
			return 0, fmt.Errorf("host %s: threads of ovs-vswitchd: %d, %w", h.Name(), len(tasks), err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				return 0, err
			}
			ran, _, _ := strings.Cut(string(text), " ")
			ns, err := strconv.ParseInt(ran, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", task, err)
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}

// serve starts iperf3's server, and returns when it serves.
func (p pair) serve() (stop func(), err error) {
	cmd := p.to.Command("iperf3", "-s")
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // and says that it was killed
	}
	err = netlab.Eventually(weftdWithin, "iperf3 serves", func() error {
		out, err := p.to.Exec("ss", "-Hltn", "sport = :5201")
		if err == nil && strings.TrimSpace(out) == "" {
			err = fmt.Errorf("nobody listens")
		}
		return err
	})
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// passes sends frames one way and returns how often each went through the datapaths on its way.
func (p pair) passes() (per []float64, err error) {
	frame, err := p.frame()
	if err != nil {
		return nil, err
	}
	var before []netlab.Passes
	for _, h := range p.on {
		n, err := h.Passes()
		if err != nil {
			return nil, err
		}
		before = append(before, n)
	}
	if err := p.sendFrames(frame); err != nil {
		return nil, err
	}
	for i, h := range p.on {
		after, err := h.Passes()
		if err != nil {
			return nil, err
		}
		// What else is about (address resolution, liveness) is less than a hundredth.
		per = append(per, 1+float64((after.Recirculations-before[i].Recirculations)/(frameCount/100))/100)
	}
	return per, nil
}

// sendFrames sends a frame many times and sees each arrive.
func (p pair) sendFrames(frame []byte) (err error) {
	heard, err := p.to.Capture("udp dst port 9")
	if err != nil {
		return err
	}
	defer closing(heard.Close, &err)
	for sent := 0; sent < frameCount; sent += burst {
		if err := p.from.Send(repeated(frame, burst)...); err != nil {
			return err
		}
		// All of a burst has arrived before the next one leaves: none is lost for want of a buffer.
		err := netlab.Eventually(weftdWithin, "frames arrive", func() error {
			if n := len(heard.Received()); n < sent+burst {
				return fmt.Errorf("%d of %d", n, sent+burst)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const burst = 50

func repeated(frame []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = frame
	}
	return all
}
