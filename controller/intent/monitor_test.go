package intent

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMonitorViolations(t *testing.T) {
	monitor := func(spec, want string) [2]string {
		return [2]string{`healthmonitor/red/x pool:"servers" ` + spec, `healthmonitor/red/x: spec.` + want}
	}
	for _, tt := range [][2]string{
		{`healthmonitor/red/x type:"TCP"`, `healthmonitor/red/x: spec.pool: is missing`},
		{`healthmonitor/red/x type:"TCP" pool:"blue/servers"`, `healthmonitor/red/x: spec.pool: "blue/servers" is another project's`},
		{`healthmonitor/red/x type:"TCP" pool:"nope"`, `healthmonitor/red/x: spec.pool: pool "nope" does not exist`},
		{`healthmonitor/red/x type:"TCP" pool:"watched"`, `healthmonitor/red/x: spec.pool: pool "watched" has healthmonitor/red/m`},
		{`healthmonitor/red/m type:"TCP" pool:"servers"`, `healthmonitor/red/m: spec.pool: cannot be changed from watched to servers; delete the healthmonitor and make it again`},
		monitor(``, `type: is missing`),
		monitor(`type:"TPC"`, `type: "TPC" is none of TCP, HTTP, TLS-HELLO, UDP-CONNECT, PING, did you mean "TCP"?`),
		monitor(`type:"HTTPS"`, `type: HTTPS is not there: probes read nothing that is encrypted; TLS-HELLO begins a handshake`),
		monitor(`type:"SCTP"`, `type: SCTP is not there; PING can be asked of any member`),
		monitor(`type:"TCP" delay:3601`, `delay: 3601 is not between 1 and 3600`),
		monitor(`type:"TCP" max_retries:11`, `maxRetries: 11 is not between 1 and 10`),
		monitor(`type:"TCP" max_retries_down:11`, `maxRetriesDown: 11 is not between 1 and 10`),
		monitor(`type:"TCP" delay:2 timeout:3`, `timeout: 3 s is longer than the delay of 2 s from one probe to the next`),
		monitor(`type:"TCP" timeout:6`, `timeout: 6 s is longer than the delay of 5 s from one probe to the next`),
		monitor(`type:"TCP" url_path:"/"`, `urlPath: is of HTTP, and the type is TCP`),
		monitor(`type:"TCP" http_method:"GET"`, `httpMethod: is of HTTP, and the type is TCP`),
		monitor(`type:"PING" expected_codes:"200"`, `expectedCodes: is of HTTP, and the type is PING`),
		monitor(`type:"PING" http_version:"1.1"`, `httpVersion: is of HTTP, and the type is PING`),
		monitor(`type:"PING" domain_name:"a.b"`, `domainName: is of HTTP and TLS-HELLO, and the type is PING`),
		monitor(`type:"HTTP" domain_name:"a.b"`, `domainName: is of HTTP 1.1, and httpVersion is 1.0`),
		monitor(`type:"TLS-HELLO" domain_name:"a b"`, `domainName: "a b" is not a domain name`),
		monitor(`type:"HTTP" http_version:"2"`, `httpVersion: "2" is neither 1.0 nor 1.1`),
		monitor(`type:"HTTP" http_method:"get"`, `httpMethod: "get" is none of GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, TRACE, CONNECT, did you mean "GET"?`),
		monitor(`type:"HTTP" url_path:"health"`, `urlPath: "health" does not begin with /`),
		monitor(`type:"HTTP" url_path:"/a b"`, `urlPath: "/a b" has the character ' ' at byte 2, which has to be escaped`),
		monitor(`type:"HTTP" url_path:"/\r\nX: y"`, `urlPath: "/\r\nX: y" has the character '\r' at byte 1, which has to be escaped`),
		monitor(`type:"HTTP" expected_codes:"ok"`, `expectedCodes: "ok" is neither a status code nor a range of them`),
		monitor(`type:"HTTP" expected_codes:"200,600"`, `expectedCodes: "600" is not among the status codes, 100 to 599`),
		monitor(`type:"HTTP" expected_codes:"204-200"`, `expectedCodes: "204-200" ends before it begins`),
		{`pool/red/x members:{address:"10.0.0.5" monitor_port:65536}`, `pool/red/x: spec.members[0].monitorPort: 65536 is no port: they end at 65535`},
	} {
		t.Run(tt[0][:min(len(tt[0]), 80)], func(t *testing.T) {
			refuses(t, with(t, balancing, `pool/red/watched`, `healthmonitor/red/m type:"TCP" pool:"watched"`), all(tt[0]), tt[1])
		})
	}
	long := `healthmonitor/red/x pool:"servers" type:"HTTP" url_path:"/` + strings.Repeat("a", 255) + `"`
	refuses(t, with(t, balancing), all(long), `healthmonitor/red/x: spec.urlPath: "/`+strings.Repeat("a", 255)+`" has 256 bytes; at most 255`)
}

// A pool goes with its monitor only, and comes to have another one after that.
func TestMonitorUses(t *testing.T) {
	c := with(t, balancing, `healthmonitor/red/m type:"TCP" pool:"servers"`)
	pool := Key{Kind: KindPool, Project: "red", Name: "servers"}
	if _, _, err := c.Delete(t.Context(), []Key{pool}, false, nil); err == nil || !strings.Contains(err.Error(), "healthmonitor/red/m") {
		t.Errorf("delete of the pool: %v, want that the monitor uses it", err)
	}
	if _, _, err := c.Delete(t.Context(), []Key{{Kind: KindHealthMonitor, Project: "red", Name: "m"}}, false, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, c, `healthmonitor/red/other type:"PING" pool:"servers"`)
}

func TestHealthMonitorRow(t *testing.T) {
	pool := Key{Kind: KindPool, Project: "red", Name: "servers"}
	key := Key{Kind: KindHealthMonitor, Project: "red", Name: "m"}
	for spec, want := range map[string]HealthMonitor{
		`type:"TCP"`:                {Type: MonitorTCP, Delay: 5 * time.Second, Timeout: 5 * time.Second, Rise: 3, Fall: 3, Up: true},
		`type:"TCP" delay:2`:        {Type: MonitorTCP, Delay: 2 * time.Second, Timeout: 2 * time.Second, Rise: 3, Fall: 3, Up: true},
		`type:"PING" delay:60`:      {Type: MonitorPing, Delay: time.Minute, Timeout: 5 * time.Second, Rise: 3, Fall: 3, Up: true},
		`type:"HTTP" max_retries:1`: {Type: MonitorHTTP, Delay: 5 * time.Second, Timeout: 5 * time.Second, Rise: 1, Fall: 3, Up: true, Method: "GET", Path: "/", Version: "1.0", Codes: []CodeRange{{200, 200}}},
		`type:"HTTP" http_version:"1.1" domain_name:"a.b" expected_codes:"200-204,301" max_retries_down:2 admin_state_up:false`: {
			Type: MonitorHTTP, Delay: 5 * time.Second, Timeout: 5 * time.Second, Rise: 3, Fall: 2, Method: "GET", Path: "/", Version: "1.1", Domain: "a.b", Codes: []CodeRange{{200, 204}, {301, 301}},
		},
	} {
		want.Key, want.Pool = key, pool
		got, err := HealthMonitorRow(res(`healthmonitor/red/m pool:"servers" ` + spec))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", spec, d)
		}
	}
	m, err := HealthMonitorRow(res(`healthmonitor/red/m pool:"servers" type:"HTTP" expected_codes:"200-204,301" delay:2 max_retries_down:2`))
	if err != nil || m.Expected() != "200-204,301" || !m.Expects(204) || m.Expects(205) || !m.Expects(301) || m.FallTime() != 6*time.Second {
		t.Errorf("%v, %v: expects %s, falls within %s", m, err, m.Expected(), m.FallTime())
	}
}
