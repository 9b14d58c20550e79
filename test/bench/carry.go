package main

import (
	"context"
	"encoding/json"
	"fmt"
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
type measurement func(p pair, ctx context.Context) (float64, error)

// pair is two endpoints that reach each other.
type pair struct{ from, to *netlab.Endpoint }

// carryKind measures one type.
func (b *bench) carryKind(ctx context.Context, k carryKind, ours, peer pair) error {
	name, with := "carry."+k.typ, "plain Open vSwitch, "+k.plain
	for _, m := range []struct {
		name, unit string
		measure    measurement
	}{{"tcp_mbps", "Mbit/s", pair.throughput}, {"kpps", "kpackets/s", pair.packetRate}} {
		var mine, theirs []float64
		// The first round warms up what learns.
		for i := range 1 + b.choose(9, 1) {
			a, z, err := inTurn(ctx, i, ours, peer, m.measure)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if i > 0 {
				mine, theirs = append(mine, a), append(theirs, z)
			}
		}
		b.add(name+"."+m.name, m.unit, mine, against(with, theirs), targetRatioMin(carryRatio))
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
func inTurn(ctx context.Context, round int, ours, peer pair, measure measurement) (mine, theirs float64, err error) {
	f := func(p pair, to *float64) {
		if err == nil {
			*to, err = measure(p, ctx)
		}
	}
	if round%2 == 0 {
		f(ours, &mine)
		f(peer, &theirs)
	} else {
		f(peer, &theirs)
		f(ours, &mine)
	}
	return mine, theirs, err
}

func (p pair) throughput(ctx context.Context) (float64, error) {
	r, err := p.iperf(ctx)
	return r.End.Received.Rate / 1e6, err
}

// packetRate sends as many small datagrams as the sender can, and counts those that arrive.
func (p pair) packetRate(ctx context.Context) (float64, error) {
	r, err := p.iperf(ctx, "-u", "-b", "0", "-l", "64")
	if err == nil && r.End.Sum.Seconds <= 0 {
		err = fmt.Errorf("iperf3 measured no time")
	}
	if err != nil {
		return 0, err
	}
	return (r.End.Sum.Packets - r.End.Sum.Lost) / r.End.Sum.Seconds / 1000, nil
}

// iperfReport is what is read of iperf3's report.
type iperfReport struct {
	Error string `json:"error"`
	End   struct {
		Received struct {
			Rate float64 `json:"bits_per_second"`
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
// this one away.
func (p pair) iperf(ctx context.Context, options ...string) (iperfReport, error) {
	stop, err := p.serve()
	if err != nil {
		return iperfReport{}, err
	}
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	args := append([]string{"-c", p.to.IPv4().String(), "-J", "-t", strconv.Itoa(iperfSeconds)}, options...)
	out, err := p.from.CommandContext(ctx, "iperf3", args...).Output()
	var r iperfReport
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		return r, fmt.Errorf("iperf3 %s: %w, %w", strings.Join(args, " "), err, jsonErr)
	}
	if r.Error != "" {
		err = fmt.Errorf("iperf3 %s: %s", strings.Join(args, " "), r.Error)
	}
	return r, err
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
