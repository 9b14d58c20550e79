package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/test/netlab"
)

// Diagnosis is what one wants to know when something went wrong: hosts, flow tables, the end of the log.
func (c *Cloud) Diagnosis() string {
	var b strings.Builder
	ctx, cancel := c.ctx()
	defer cancel()
	if out, errs, _, err := Weft(ctx, c.Lab, c.environment(), "", "hosts", "-o", "wide"); err == nil {
		b.WriteString("$ weft hosts -o wide\n" + out + errs)
	}
	if out, errs, _, err := Weft(ctx, c.Lab, c.environment(), "", "get", "ports", "-o", "wide"); err == nil {
		b.WriteString("$ weft get ports -o wide\n" + out + errs)
	}
	for _, h := range c.Lab.Hosts() {
		out, err := h.Ofctl("dump-flows", netlab.IntegrationBridge)
		if err != nil {
			out = err.Error()
		}
		fmt.Fprintf(&b, "%s# ovs-ofctl dump-flows br-int\n%s\n", h.Name(), NameTables(out))
	}
	tail, _ := c.Weftd.Tail(80)
	b.WriteString("weftd's log:\n" + tail)
	return b.String()
}

// NameTables writes the pipeline's names behind the numbers of tables.
func NameTables(dump string) string {
	names := map[int]string{}
	for _, t := range pipeline.Tables {
		names[int(t.ID)] = t.Name
	}
	return regexp.MustCompile(`(table=|goto_table:|resubmit\(,)(\d+)`).ReplaceAllStringFunc(dump, func(s string) string {
		i := strings.LastIndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) + 1
		if n, err := strconv.Atoi(s[i:]); err == nil && names[n] != "" {
			return s + "/" + names[n]
		}
		return s
	})
}

// Trace follows an echo request through the tables of its sender's host.
func (c *Cloud) Trace(from, to *netlab.Endpoint, dst netip.Addr) string {
	port, err := from.Host().OFPort(from.Port())
	if err != nil {
		return err.Error()
	}
	flow := fmt.Sprintf("in_port=%d,icmp,dl_src=%s,dl_dst=%s,nw_src=%s,nw_dst=%s,nw_ttl=64,icmp_type=8", port, from.MAC(), to.MAC(), from.IPv4(), dst)
	if dst.Is6() {
		flow = fmt.Sprintf("in_port=%d,icmp6,dl_src=%s,dl_dst=%s,ipv6_src=%s,ipv6_dst=%s,nw_ttl=64,icmpv6_type=128", port, from.MAC(), to.MAC(), from.IPv6(), dst)
	}
	out, err := from.Host().Trace(netlab.IntegrationBridge, flow)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s# ovs-appctl ofproto/trace br-int %s\n%s", from.Host().Name(), flow, out)
}

// Reach demands that probes turn out as expected. A probe that does not is traced. What nobody is to answer is asked when the
// datapaths have forgotten what was allowed before.
func (c *Cloud) Reach(probes ...netlab.Probe) {
	c.T.Helper()
	if slices.ContainsFunc(probes, func(p netlab.Probe) bool { return p.Expect == netlab.Unreached }) {
		c.Revalidated()
	}
	table, err := c.Lab.Matrix(probes, netlab.MatrixOptions{})
	if err != nil {
		c.T.Fatal(err)
	}
	if err = table.Err(); err == nil {
		return
	}
	c.T.Error(err)
	traced := 0
	for _, r := range table {
		if !r.OK() && traced < 3 {
			c.T.Log(c.Trace(r.From, r.To, r.Addr))
			traced++
		}
	}
}
