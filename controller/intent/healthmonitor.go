package intent

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Types of health monitors.
const (
	MonitorTCP  = "TCP"
	MonitorHTTP = "HTTP"
	MonitorTLS  = "TLS-HELLO"
	MonitorUDP  = "UDP-CONNECT"
	MonitorPing = "PING"
)

// What health monitors may ask for.
const (
	maxProbeDelay   = 3600
	maxProbeRetries = 10
	maxProbeText    = 255

	defaultProbeDelay   = 5
	defaultProbeTimeout = 5
	defaultProbeRetries = 3
)

var (
	monitorTypes = []string{MonitorTCP, MonitorHTTP, MonitorTLS, MonitorUDP, MonitorPing}
	httpMethods  = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"}
)

// monitorFacts is which pool a health monitor has probed.
type monitorFacts struct{ pool Key }

func monitorFactsOf(key Key, spec *weftv1.HealthMonitorSpec) *monitorFacts {
	return &monitorFacts{Reference(KindPool, key.Project, spec.GetPool())}
}

// parseHealthMonitor reads a health monitor.
func (t *txn) parseHealthMonitor(d *draft, spec *weftv1.HealthMonitorSpec) {
	d.watched = t.parseOwnOf(d, "spec.pool", KindPool, spec.GetPool())
	switch s := spec.GetType(); {
	case slices.Contains(monitorTypes, s):
	case s == "":
		t.refuse(d, "spec.type", ReasonInvalid, "is missing")
	case s == "HTTPS":
		t.refuse(d, "spec.type", ReasonInvalid, "HTTPS is not there: probes read nothing that is encrypted; TLS-HELLO begins a handshake")
	case s == "SCTP":
		t.refuse(d, "spec.type", ReasonInvalid, "SCTP is not there; PING can be asked of any member")
	default:
		t.refuse(d, "spec.type", ReasonInvalid, "%q is none of %s%s", s, strings.Join(monitorTypes, ", "), didYouMean(s, slices.Clone(monitorTypes)))
	}
	within := func(field string, n, most uint32) {
		if n > most {
			t.refuse(d, "spec."+field, ReasonInvalid, "%d is not between 1 and %d", n, most)
		}
	}
	within("delay", spec.GetDelay(), maxProbeDelay)
	within("maxRetries", spec.GetMaxRetries(), maxProbeRetries)
	within("maxRetriesDown", spec.GetMaxRetriesDown(), maxProbeRetries)
	if delay := cmp.Or(spec.GetDelay(), defaultProbeDelay); spec.GetTimeout() > delay {
		t.refuse(d, "spec.timeout", ReasonInvalid, "%d s is longer than the delay of %d s from one probe to the next", spec.GetTimeout(), delay)
	}
	t.parseMonitorHTTP(d, spec)
}

// parseMonitorHTTP reads what a health monitor says of HTTP.
func (t *txn) parseMonitorHTTP(d *draft, spec *weftv1.HealthMonitorSpec) {
	for _, f := range []struct{ field, value string }{
		{"httpMethod", spec.GetHttpMethod()}, {"urlPath", spec.GetUrlPath()}, {"expectedCodes", spec.GetExpectedCodes()}, {"httpVersion", spec.GetHttpVersion()},
	} {
		if f.value != "" && spec.GetType() != MonitorHTTP {
			t.refuse(d, "spec."+f.field, ReasonInvalid, "is of HTTP, and the type is %s", spec.GetType())
		}
	}
	if s := spec.GetHttpMethod(); s != "" && !slices.Contains(httpMethods, s) {
		t.refuse(d, "spec.httpMethod", ReasonInvalid, "%q is none of %s%s", s, strings.Join(httpMethods, ", "), didYouMean(s, slices.Clone(httpMethods)))
	}
	if s := spec.GetUrlPath(); s != "" {
		if problem := pathProblem(s); problem != "" {
			t.refuse(d, "spec.urlPath", ReasonInvalid, "%q %s", s, problem)
		}
	}
	if _, err := parseCodes(spec.GetExpectedCodes()); err != nil {
		t.refuse(d, "spec.expectedCodes", ReasonInvalid, "%v", err)
	}
	if s := spec.GetHttpVersion(); s != "" && s != "1.0" && s != "1.1" {
		t.refuse(d, "spec.httpVersion", ReasonInvalid, "%q is neither 1.0 nor 1.1", s)
	}
	switch s := spec.GetDomainName(); {
	case s == "":
	case spec.GetType() == MonitorHTTP && spec.GetHttpVersion() != "1.1":
		t.refuse(d, "spec.domainName", ReasonInvalid, "is of HTTP 1.1, and httpVersion is %s", cmp.Or(spec.GetHttpVersion(), "1.0"))
	case spec.GetType() != MonitorHTTP && spec.GetType() != MonitorTLS:
		t.refuse(d, "spec.domainName", ReasonInvalid, "is of HTTP and TLS-HELLO, and the type is %s", spec.GetType())
	case !domainName(s):
		t.refuse(d, "spec.domainName", ReasonInvalid, "%q is not a domain name", s)
	}
}

// pathProblem says why a string cannot be asked for by HTTP (RFC 9112, section 3.2.1).
func pathProblem(s string) string {
	if len(s) > maxProbeText {
		return fmt.Sprintf("has %d bytes; at most %d", len(s), maxProbeText)
	}
	if s[0] != '/' {
		return "does not begin with /"
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }); i >= 0 {
		return fmt.Sprintf("has the character %q at byte %d, which has to be escaped", s[i], i)
	}
	return ""
}

// domainName tells whether a string is one (RFC 1123, section 2.1).
func domainName(s string) bool {
	if len(s) > maxProbeText-2 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		bad := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		}
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, bad) {
			return false
		}
	}
	return true
}

// parseCodes reads "200", "200,202" or "200-204".
func parseCodes(s string) ([]CodeRange, error) {
	var all []CodeRange
	for part := range strings.SplitSeq(cmp.Or(s, "200"), ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("%q is neither a status code nor a range of them", part)
		case first < 100 || last > 599:
			return nil, fmt.Errorf("%q is not among the status codes, 100 to 599", part)
		case first > last:
			return nil, fmt.Errorf("%q ends before it begins", part)
		}
		all = append(all, CodeRange{first, last})
	}
	return all, nil
}

// applyHealthMonitors accepts health monitors.
func (t *txn) applyHealthMonitors(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.immutable(d, "spec.pool", d.old.facts.(*monitorFacts).pool.Name, d.watched.Name)
		}
		if t.resolve(d, "spec.pool", d.watched) == nil || d.bad {
			continue
		}
		for other := range t.refs[d.watched] {
			if other.Kind == KindHealthMonitor && other != d.key {
				t.refuse(d, "spec.pool", ReasonConflict, "pool %q has %s", d.watched.Name, other)
			}
		}
		if !d.bad {
			t.accept(d, &weftv1.Status{Details: &weftv1.Status_HealthMonitor{HealthMonitor: &weftv1.HealthMonitorStatus{}}})
		}
	}
}

// HealthMonitorRow returns the row of a stored health monitor.
func HealthMonitorRow(res *weftv1.Resource) (HealthMonitor, error) {
	key, spec := KeyOf(res), res.GetHealthMonitorSpec()
	delay := cmp.Or(spec.GetDelay(), defaultProbeDelay)
	timeout := cmp.Or(spec.GetTimeout(), min(delay, defaultProbeTimeout))
	m := HealthMonitor{
		Key: key, Pool: monitorFactsOf(key, spec).pool, Type: spec.GetType(), Delay: time.Duration(delay) * time.Second, Timeout: time.Duration(timeout) * time.Second,
		Rise: int(cmp.Or(spec.GetMaxRetries(), defaultProbeRetries)), Fall: int(cmp.Or(spec.GetMaxRetriesDown(), defaultProbeRetries)), Up: unlessSaid(spec.AdminStateUp),
		Domain: spec.GetDomainName(),
	}
	if m.Type != MonitorHTTP {
		return m, nil
	}
	m.Method, m.Path, m.Version = cmp.Or(spec.GetHttpMethod(), "GET"), cmp.Or(spec.GetUrlPath(), "/"), cmp.Or(spec.GetHttpVersion(), "1.0")
	var err error
	if m.Codes, err = parseCodes(spec.GetExpectedCodes()); err != nil {
		return m, fmt.Errorf("%s: expectedCodes: %w", key, err)
	}
	return m, nil
}
