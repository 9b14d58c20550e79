package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Result is a figure of bench.json.
type Result struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"` // the median, unless the name says otherwise
	Unit    string  `json:"unit"`
	Samples int     `json:"samples"`

	// Low and High are the quartiles: half of the samples are between them.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`

	// Peer is what does the same in the same run, and PeerValue its median; Ratio is Value / PeerValue.
	Peer      string  `json:"peer,omitempty"`
	PeerValue float64 `json:"peer_value,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`

	// Target is the largest value that is good, TargetMin the smallest, TargetRatio the largest ratio, TargetRatioMin the smallest; 0:
	// there is none.
	Target         float64 `json:"target,omitempty"`
	TargetMin      float64 `json:"target_min,omitempty"`
	TargetRatio    float64 `json:"target_ratio,omitempty"`
	TargetRatioMin float64 `json:"target_ratio_min,omitempty"`
}

// verdict says whether a result is as good as it should be; empty when nothing is said about it.
func (r Result) verdict() string {
	switch {
	case r.Target == 0 && r.TargetMin == 0 && r.TargetRatio == 0 && r.TargetRatioMin == 0:
		return ""
	case r.Target != 0 && r.Value > r.Target, r.Value < r.TargetMin, r.TargetRatio != 0 && r.Ratio > r.TargetRatio, r.Ratio < r.TargetRatioMin:
		return "MISSED"
	}
	return "met"
}

// target is the target in words.
func (r Result) target() string {
	var words []string
	if r.Target != 0 {
		words = append(words, "≤ "+number(r.Target)+" "+r.Unit)
	}
	if r.TargetMin != 0 {
		words = append(words, "≥ "+number(r.TargetMin)+" "+r.Unit)
	}
	if r.TargetRatio != 0 {
		words = append(words, "≤ "+number(r.TargetRatio)+" ×")
	}
	if r.TargetRatioMin != 0 {
		words = append(words, "≥ "+number(r.TargetRatioMin)+" ×")
	}
	return strings.Join(words, ", ")
}

// bench is one run.
type bench struct {
	options
	dir     string // for files of this run
	out     io.Writer
	results []Result
	notes   []note
	partial bool // a suite failed, or the run was interrupted
}

// note is a text that belongs to the results: a profile, a breakdown.
type note struct{ title, text string }

// choose is the number for a full run, or the one for a quick one.
func (b *bench) choose(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

// add makes a result of samples and keeps it.
func (b *bench) add(name, unit string, samples []float64, with ...func(*Result)) {
	r := Result{
		Name: name, Unit: unit, Samples: len(samples),
		Value: quantile(samples, 0.5), Low: quantile(samples, 0.25), High: quantile(samples, 0.75),
	}
	for _, f := range with {
		f(&r)
	}
	if r.PeerValue > 0 && r.Ratio == 0 {
		r.Ratio = r.Value / r.PeerValue
	}
	b.results = append(b.results, r)
	fmt.Fprintln(b.out, line(r))
}

// addP99 adds the 99th percentile of samples, ms.
func (b *bench) addP99(name string, samples []float64, with ...func(*Result)) {
	b.add(name, "ms", samples, append([]func(*Result){func(r *Result) {
		r.Value, r.Low, r.High = quantile(samples, 0.99), 0, 0
	}}, with...)...)
}

// against sets the peer of a result.
func against(peer string, samples []float64) func(*Result) {
	return func(r *Result) { r.Peer, r.PeerValue = peer, quantile(samples, 0.5) }
}

// inPairs is against for samples that were taken in turn, each with the peer's beside it: the ratio is the median of the pairs'
// ratios. What the machine did meanwhile weighs on both of a pair.
func inPairs(peer string, mine, theirs []float64) func(*Result) {
	return func(r *Result) {
		against(peer, theirs)(r)
		var ratios []float64
		for i, z := range theirs {
			if z > 0 {
				ratios = append(ratios, mine[i]/z)
			}
		}
		r.Ratio = quantile(ratios, 0.5)
	}
}

// againstValue sets a peer that is another figure of this run.
func againstValue(peer string, value float64) func(*Result) {
	return func(r *Result) { r.Peer, r.PeerValue = peer, value }
}

func targetMin(v float64) func(*Result)   { return func(r *Result) { r.TargetMin = v } }
func targetValue(v float64) func(*Result) { return func(r *Result) { r.Target = v } }
func targetRatio(v float64) func(*Result) { return func(r *Result) { r.TargetRatio = v } }

// targetRatioMin is for what is better when it is more.
func targetRatioMin(v float64) func(*Result) { return func(r *Result) { r.TargetRatioMin = v } }

// find returns a result by name.
func (b *bench) find(name string) (Result, bool) {
	i := slices.IndexFunc(b.results, func(r Result) bool { return r.Name == name })
	if i < 0 {
		return Result{}, false
	}
	return b.results[i], true
}

// quantile is the sample below which the part q of all lies, between neighbours in proportion; 0 of none.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
