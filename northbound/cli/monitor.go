package cli

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func monitorColumns() []resourceColumn {
	spec, st := (*weftv1.Resource).GetHealthMonitorSpec, func(r *weftv1.Resource) *weftv1.HealthMonitorStatus { return r.GetStatus().GetHealthMonitor() }
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	return []resourceColumn{
		{"POOL", left, func(r *weftv1.Resource) string { return spec(r).GetPool() }},
		{"TYPE", left, func(r *weftv1.Resource) string { return spec(r).GetType() }},
		{"DELAY", right, func(r *weftv1.Resource) string { return number(cmp.Or(spec(r).GetDelay(), 5)) + "s" }},
		{"FALL TIME", right, func(r *weftv1.Resource) string { return number(st(r).GetFallTime()) + "s" }},
		{"MEMBERS", right, func(r *weftv1.Resource) string { return number(st(r).GetMembers()) }},
		{"DOWN", right, func(r *weftv1.Resource) string { return number(st(r).GetDown()) }},
		{"STATUS", left, func(r *weftv1.Resource) string { return st(r).GetOperatingStatus() }},
	}
}

// monitorSummary is "HTTP GET /healthz of web".
func monitorSummary(r *weftv1.Resource) string {
	spec := r.GetHealthMonitorSpec()
	if spec.GetType() != "HTTP" {
		return fmt.Sprintf("%s of %s", spec.GetType(), spec.GetPool())
	}
	return fmt.Sprintf("HTTP %s %s of %s", cmp.Or(spec.GetHttpMethod(), "GET"), cmp.Or(spec.GetUrlPath(), "/"), spec.GetPool())
}

// writeMembers prints how the members of a pool are, and why.
func writeMembers(w io.Writer, r *weftv1.Resource) {
	members := r.GetStatus().GetPool().GetMembers()
	if len(members) == 0 {
		return
	}
	fmt.Fprintln(w, "\nmembers")
	for _, m := range members {
		line := fmt.Sprintf("  %s  %s", m.GetName(), m.GetOperatingStatus())
		if m.GetSince() != nil {
			line += " since " + m.GetSince().AsTime().Format(time.RFC3339)
		}
		if m.GetReason() != "" {
			line += ": " + m.GetReason()
		}
		fmt.Fprintln(w, line)
	}
}
