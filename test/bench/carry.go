package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	cost float64 // processor time of the ovs-vswitchd of both hosts for what arrived, µs for each kilobyte or each packet
}

// pair is two endpoints that reach each other.
type pair struct{ from, to *netlab.Endpoint }

// carryKind measures one type. On a busy machine the rate of two runs is that of what else went on; what the switch worked for a
// packet is the same then, and says what the rate of a machine that does nothing else is.
func (b *bench) carryKind(ctx context.Context, k carryKind, ours, peer pair) error {
	name, with := "carry."+k.typ, "plain Open vSwitch, "+k.plain
	for _, m := range []struct {
		rate, rateUnit, cost, costUnit string
		measure                        measurement
	}{
		{"tcp_mbps", "Mbit/s", "tcp_cpu_us", "µs per kB", pair.throughput},
		{"kpps", "kpackets/s", "cpu_us", "µs per packet", pair.packetRate},
	} {
		var rates, costs [2][]float64 // ours, the peer's
		// The first round warms up what learns.
		for i := range 1 + b.choose(9, 1) {
			both, err := inTurn(ctx, i, ours, peer, m.measure)
			if err != nil {
				return fmt.Errorf("%s: %w", m.rate, err)
			}
			for who := range both {
				if i > 0 {
					rates[who], costs[who] = append(rates[who], both[who].rate), append(costs[who], both[who].cost)
				}
			}
		}
		b.add(name+"."+m.rate, m.rateUnit, rates[0], inPairs(with, rates[0], rates[1]), targetRatioMin(carryRatio))
		b.add(name+"."+m.cost, m.costUnit, costs[0], inPairs(with, costs[0], costs[1]), targetRatio(1/carryRatio))
	}
	send, receive, err := ours.passes()
	if err != nil {
		return err
	}
	if k.sameHost {
		b.add(name+".passes", "passes per packet", []float64{send}, targetValue(1))
		return nil
	}
	b.add(name+".send_passes", "passes per packet", []float64{send}, targetValue(1))
	b.add(name+".receive_passes", "passes per packet", []float64{receive}, targetValue(2))
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
	args := append([]string{"-c", p.to.IPv4().String(), "-J", "-t", strconv.Itoa(iperfSeconds)}, options...)
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

// switchWork is for how long all threads of the ovs-vswitchd of the pair's hosts have been on a processor, to the nanosecond
// (proc(5): /proc/pid/task/tid/schedstat); what a hypervisor takes away is not in it.
func (p pair) switchWork() (time.Duration, error) {
	hosts := []*netlab.Host{p.from.Host(), p.to.Host()}
	var sum time.Duration
	for _, h := range slices.Compact(hosts) {
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

// passes sends frames one way and returns how often each went through the datapath of its sender's host and of its
// receiver's.
func (p pair) passes() (send, receive float64, err error) {
	frame, err := p.frame()
	if err != nil {
		return 0, 0, err
	}
	hosts := []*netlab.Host{p.from.Host(), p.to.Host()}
	var before [2]netlab.Passes
	for i, h := range hosts {
		if before[i], err = h.Passes(); err != nil {
			return 0, 0, err
		}
	}
	heard, err := p.to.Capture("udp dst port 9")
	if err != nil {
		return 0, 0, err
	}
	defer closing(heard.Close, &err)
	for sent := 0; sent < frameCount; sent += burst {
		if err := p.from.Send(repeated(frame, burst)...); err != nil {
			return 0, 0, err
		}
		// All of a burst has arrived before the next one leaves: none is lost for want of a buffer.
		err := netlab.Eventually(weftdWithin, "frames arrive", func() error {
			if n := len(heard.Received()); n < sent+burst {
				return fmt.Errorf("%d of %d", n, sent+burst)
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
	}
	var per [2]float64
	for i, h := range hosts {
		after, err := h.Passes()
		if err != nil {
			return 0, 0, err
		}
		// What else is about (address resolution, liveness) is less than a hundredth.
		per[i] = 1 + float64((after.Recirculations-before[i].Recirculations)/(frameCount/100))/100
	}
	return per[0], per[1], nil
}

const burst = 50

func repeated(frame []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = frame
	}
	return all
}
