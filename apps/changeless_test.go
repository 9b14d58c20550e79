package apps_test

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

var (
	natTo    = regexp.MustCompile(`nat\((src|dst)=\[?([0-9a-f.:]*[0-9a-f])\]?(?::[0-9-]+)?\)`)
	matchEnd = regexp.MustCompile(`(?:nw|ipv6)_(src|dst)=([^,]+)`)
)

// TestNothingIsTranslatedToWhatItIs holds every translation of the lab of TestGoldenDumps against the rule of docs/adr/0023: what a new connection
// is translated to is no address that it may have already.
func TestNothingIsTranslatedToWhatItIs(t *testing.T) {
	probe := goldenLab(t)
	seen := map[string]int{}
	for _, host := range []string{"h0", "h1"} {
		state := probe.Host(host)
		for _, problem := range changeless(state, seen) {
			t.Errorf("%s: %s", host, problem)
		}
	}
	if seen["src"] < 10 || seen["dst"] < 10 {
		t.Errorf("only %v translations were looked at", seen)
	}
}

// TestChangelessTranslationsAreFound holds the rule against flows that break it.
func TestChangelessTranslationsAreFound(t *testing.T) {
	at, inside := pipeline.Router.Is(1), flow.Prefix(flow.IPv4Src, netip.MustParsePrefix("10.0.0.0/8"))
	to := func(flags flow.NATFlags, ip string) flow.Actions {
		return flow.Actions{flow.CT(flow.CTSpec{Flags: flow.CTCommit, Table: flow.ToTable(pipeline.Translated), NAT: &flow.NATSpec{Flags: flags, MinAddr: netip.MustParseAddr(ip)}})}
	}
	claim := func(ip string, prio uint16) flow.Flow {
		return mustFlow(t, pipeline.Translate, prio, flow.Match{at, flow.IP(flow.IPv4Src, netip.MustParseAddr(ip))}, nil)
	}
	all := mustFlow(t, pipeline.Translate, 10, flow.Match{at, flow.U32(flow.EthType, 0x800)}, to(flow.NATSrc, "192.0.2.1"))
	enter := func(m ...flow.Field) flow.Flow {
		return mustFlow(t, pipeline.RouterIn, 10, m, flow.Actions{flow.Goto(pipeline.Balance)})
	}
	vip, eth := flow.IP(flow.IPv4Dst, netip.MustParseAddr("10.0.0.9")), flow.MAC(flow.EthDst, flow.MACAddr{2})
	for _, c := range []struct {
		name  string
		flows []flow.Flow
		want  int
	}{
		{"all sources", []flow.Flow{all}, 1},
		{"all but the own", []flow.Flow{all, claim("192.0.2.1", 11)}, 0},
		{"another one", []flow.Flow{all, claim("192.0.2.2", 11)}, 1},
		{"too late", []flow.Flow{all, claim("192.0.2.1", 9)}, 1},
		{"of a block", []flow.Flow{mustFlow(t, pipeline.Translate, 10, flow.Match{inside}, to(flow.NATSrc, "192.0.2.1"))}, 0},
		{"of a block with it", []flow.Flow{mustFlow(t, pipeline.Translate, 10, flow.Match{inside}, to(flow.NATSrc, "10.0.0.1"))}, 1},
		{"to itself", []flow.Flow{mustFlow(t, pipeline.Untranslate, 10, flow.Match{vip}, to(flow.NATDst, "10.0.0.9"))}, 1},
		{"to another", []flow.Flow{mustFlow(t, pipeline.Untranslate, 10, flow.Match{vip}, to(flow.NATDst, "10.0.0.8"))}, 0},
		{"to any", []flow.Flow{mustFlow(t, pipeline.Untranslate, 10, flow.Match{at}, to(flow.NATDst, "10.0.0.8"))}, 1},
		{"entered by MAC address", []flow.Flow{enter(eth)}, 1},
		{"entered by address", []flow.Flow{enter(eth, vip), mustFlow(t, pipeline.Balanced, 10, nil, to(flow.NATDst, "10.0.0.8"))}, 0},
		{"a member with that", []flow.Flow{enter(eth, vip), mustFlow(t, pipeline.Balanced, 10, nil, to(flow.NATDst, "10.0.0.9"))}, 1},
	} {
		if got := changeless(compile.HostState{Flows: c.flows}, map[string]int{}); len(got) != c.want {
			t.Errorf("%s: %q; want %d", c.name, got, c.want)
		}
	}
}

func mustFlow(t *testing.T, table uint8, prio uint16, m flow.Match, do flow.Actions) flow.Flow {
	t.Helper()
	f, err := flow.New(table, prio, m, do)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// changeless says which translations of new connections may be to what the packet has already, and counts those that it looked at.
func changeless(state compile.HostState, seen map[string]int) []string {
	var problems, given []string
	entrances := map[string]bool{}
	for _, f := range state.Flows {
		match, do := pipeline.MatchText(f), pipeline.ActionsText(f)
		if strings.HasSuffix(do, "goto_table:balance") {
			if to := endOf(match, "dst"); to == "" {
				problems = append(problems, "enters balance with any destination: "+match)
			} else {
				entrances[to] = true
			}
		}
		for _, nat := range natTo.FindAllStringSubmatch(do, -1) {
			seen[nat[1]]++
			switch {
			case f.Table == pipeline.Balanced:
				given = append(given, nat[2])
			case mayHave(match, nat[1], nat[2]) && !slices.ContainsFunc(state.Flows, func(g flow.Flow) bool { return keeps(g, f, nat[1], nat[2]) }):
				problems = append(problems, match+" may have what it gets: "+do)
			}
		}
	}
	for _, g := range state.Groups {
		for _, nat := range natTo.FindAllStringSubmatch(g.String(), -1) {
			seen[nat[1]]++
			given = append(given, nat[2])
		}
	}
	for _, ip := range given {
		if entrances[ip] {
			problems = append(problems, "balance gives "+ip+" what is for "+ip)
		}
	}
	return problems
}

// endOf is the source or destination that a match asks for.
func endOf(match, end string) string {
	for _, m := range matchEnd.FindAllStringSubmatch(match, -1) {
		if m[1] == end {
			return m[2]
		}
	}
	return ""
}

// mayHave tells whether packets that match may have an address.
func mayHave(match, end, ip string) bool {
	of := endOf(match, end)
	if p, err := netip.ParsePrefix(of); err == nil {
		return p.Contains(netip.MustParseAddr(ip))
	}
	return of == "" || of == ip
}

// keeps tells whether a flow keeps packets with an address from another one, and does not translate them itself.
func keeps(g, f flow.Flow, end, ip string) bool {
	match := pipeline.MatchText(g)
	if g.Table != f.Table || g.Priority <= f.Priority || endOf(match, end) != ip || strings.Contains(pipeline.ActionsText(g), "ct(") {
		return false
	}
	other := strings.Split(pipeline.MatchText(f), ",")
	for _, field := range strings.Split(match, ",") {
		if field != "ip" && field != "ipv6" && !matchEnd.MatchString(field) && !slices.Contains(other, field) {
			return false
		}
	}
	return true
}
