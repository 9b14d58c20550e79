package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Sample is one value of /metrics.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// Samples are all values of one look at /metrics.
type Samples []Sample

// Sum adds up the values of a name whose labels are as given; labels come in pairs.
func (s Samples) Sum(name string, labels ...string) float64 {
	sum := 0.0
	for _, one := range s {
		match := one.Name == name
		for i := 0; match && i+1 < len(labels); i += 2 {
			match = one.Labels[labels[i]] == labels[i+1]
		}
		if match {
			sum += one.Value
		}
	}
	return sum
}

// Has says whether there is a value of that name.
func (s Samples) Has(name string) bool {
	for _, one := range s {
		if one.Name == name {
			return true
		}
	}
	return false
}

// Metrics reads weftd's /metrics.
func (c *Cloud) Metrics() Samples {
	c.T.Helper()
	s, err := c.metrics()
	if err != nil {
		c.T.Fatalf("metrics: %v", err)
	}
	return s
}

func (c *Cloud) metrics() (Samples, error) {
	web := http.Client{Transport: &http.Transport{DialContext: c.Lab.DialContext, DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+Metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s: %s", resp.Status, text)
	}
	return parseMetrics(string(text))
}

// parseMetrics reads Prometheus' text form, as far as counters and gauges need it.
func parseMetrics(text string) (Samples, error) {
	line, label := regexp.MustCompile(`^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)`), regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
	var all Samples
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			return nil, fmt.Errorf("no sample: %q", l)
		}
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("no sample: %q: %w", l, err)
		}
		s := Sample{Name: m[1], Labels: map[string]string{}, Value: v}
		for _, kv := range label.FindAllStringSubmatch(m[2], -1) {
			s.Labels[kv[1]] = kv[2]
		}
		all = append(all, s)
	}
	return all, nil
}
