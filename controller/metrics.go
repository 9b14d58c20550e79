package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// readHeaderTimeout bounds how long a client of the metrics may take to ask.
const readHeaderTimeout = 5 * time.Second

// collector shows the controller's state to Prometheus.
type collector struct {
	c *core

	revision, compiled, hosts, online                               *prometheus.Desc
	flows, added, removed, drift, bundles, failures, packetIns, lag *prometheus.Desc
	dropped, unanswered, entries, suppressed                        *prometheus.Desc
	ruleRuns, ruleSeconds, ruleUnits                                *prometheus.Desc
}

func newCollector(c *core) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("weft_"+name, help, labels, nil)
	}
	return &collector{
		c:           c,
		revision:    desc("store_revision", "Revision of the store that the tables hold."),
		compiled:    desc("compiled_revision", "Newest revision whose flows every host's target has been given."),
		hosts:       desc("hosts", "Hosts known."),
		online:      desc("hosts_online", "Hosts whose switch is connected."),
		flows:       desc("flows", "Flows wanted.", "host"),
		added:       desc("flows_added_total", "Flow additions sent.", "host"),
		removed:     desc("flows_removed_total", "Flow removals sent.", "host"),
		drift:       desc("drift_mended_total", "Changes by others to what is ours.", "host", "kind"),
		bundles:     desc("bundles_total", "Bundles sent.", "host"),
		failures:    desc("bundle_failures_total", "Bundles that the switch refused.", "host"),
		packetIns:   desc("packet_ins_total", "Packet-ins taken.", "host"),
		dropped:     desc("dropped_packets_total", "Packets that flows dropped.", "host", "reason"),
		unanswered:  desc("packet_ins_dropped_total", "Packet-ins and answers to them that were dropped.", "host", "reason"),
		entries:     desc("log_entries_total", "Packets that rules with a log told of."),
		suppressed:  desc("log_suppressed_total", "Packets that rules with a log should have told of, and that came too fast."),
		lag:         desc("host_revision_lag", "Revisions that a host is behind.", "host"),
		ruleRuns:    desc("rule_runs_total", "Units run.", "rule"),
		ruleSeconds: desc("rule_seconds_total", "Time spent in a rule.", "rule"),
		ruleUnits:   desc("rule_units", "Rows that a rule runs for.", "rule"),
	}
}

// Describe implements prometheus.Collector.
func (m *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect implements prometheus.Collector.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	compiled := m.c.board.Compiled()
	online := 0
	for _, s := range m.c.board.Summaries() {
		if s.Online {
			online++
		}
		gauge(m.flows, float64(s.Flows), s.Host)
		gauge(m.lag, float64(max(compiled-s.Realised, 0)), s.Host)
		counter(m.added, float64(s.Stats.FlowsAdded), s.Host)
		counter(m.removed, float64(s.Stats.FlowsRemoved), s.Host)
		counter(m.bundles, float64(s.Stats.Bundles), s.Host)
		counter(m.packetIns, float64(s.Stats.PacketIns), s.Host)
		for why, n := range m.c.world.packets.Counts(s.Host).Dropped {
			counter(m.unanswered, float64(n), s.Host, string(why))
		}
		counter(m.failures, float64(s.Stats.Failures), s.Host)
		counter(m.drift, float64(s.Stats.Drift), s.Host, "flow")
		for reason, n := range m.c.board.Counts(s.Host, compile.Drops) {
			counter(m.dropped, float64(n.Packets), s.Host, reason)
		}
		counter(m.drift, float64(m.c.hosts.mended(s.Host)), s.Host, "ovsdb")
	}
	entries, suppressed := m.c.journal.Counts()
	counter(m.entries, float64(entries))
	counter(m.suppressed, float64(suppressed))
	info := m.c.info()
	gauge(m.revision, float64(info.GetRevision()))
	gauge(m.compiled, float64(compiled))
	gauge(m.hosts, float64(info.GetHosts()))
	gauge(m.online, float64(online))
	for _, r := range m.c.world.engine.Stats() {
		counter(m.ruleRuns, float64(r.Runs), r.Rule)
		counter(m.ruleSeconds, r.Took.Seconds(), r.Rule)
		gauge(m.ruleUnits, float64(r.Units), r.Rule)
	}
}

// info describes the running controller.
func (c *core) info() *weftv1.GetInfoResponse {
	r := &weftv1.GetInfoResponse{Version: c.cfg.Version, Revision: c.catalog.Revision(), CompiledRevision: c.board.Compiled()}
	for _, s := range c.board.Summaries() {
		if s.Online {
			r.HostsOnline++
		}
		r.Flows += int64(s.Flows)
	}
	c.world.mu.RLock()
	r.Hosts = int32(len(c.world.hosts))
	c.world.mu.RUnlock()
	return r
}

// latencies are what the controller's work with others took.
type latencies struct {
	bundle prometheus.Histogram
	txn    *prometheus.HistogramVec // by outcome, "ok" or "error"
}

func newLatencies(r prometheus.Registerer) *latencies {
	buckets := prometheus.ExponentialBuckets(0.0001, 2, 18) // 0.1 ms to 13 s
	l := &latencies{
		bundle: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "weft_bundle_seconds", Help: "Time from a bundle's first byte to the switch's answer.", Buckets: buckets,
		}),
		txn: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_store_txn_seconds", Help: "Time of the store's transactions.", Buckets: buckets,
		}, []string{"outcome"}),
	}
	r.MustRegister(l.bundle, l.txn)
	return l
}

// timedStore measures a store's transactions.
type timedStore struct {
	store.Store
	latency *latencies
}

// Txn is the store's, measured.
func (s timedStore) Txn(ctx context.Context, compares []store.Compare, ops []store.Op) (int64, error) {
	start := time.Now()
	rev, err := s.Store.Txn(ctx, compares, ops)
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	s.latency.txn.WithLabelValues(outcome).Observe(time.Since(start).Seconds())
	return rev, err
}
