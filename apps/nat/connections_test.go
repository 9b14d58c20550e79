package nat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

// record is switches that write down what they are told to forget.
type record struct {
	away map[string]bool
	told []string
}

func (r *record) InStep(host string) bool { return !r.away[host] }

func (r *record) Untrack(host string, c compile.Connections) bool {
	r.told = append(r.told, fmt.Sprintf("%s: zone %d protocol %d %v %v", host, c.Zone, c.Protocol, c.Orig, c.Reply))
	return true
}

// story is a keeper over tables that a test changes, and a clock.
type story struct {
	*intent.Tables
	*keeper
	*record
	now time.Time
}

func newStory() *story {
	t := intent.NewTables()
	t.HostFacts.Put(intent.HostFact{Name: "h1"})
	s := &story{Tables: t, keeper: newKeeper(t), record: &record{away: map[string]bool{}}, now: time.Unix(1_000_000, 0)}
	t.Gateways.Put(intent.Gateway{Router: router, SNAT4: true, At: []intent.GatewayIP{{IP: outer}}})
	t.Placed.Put(intent.Placed{Router: router, Host: "h1"})
	t.Translations.Put(intent.Translating{Translation: intent.Translation{Router: router, Host: "h1", Zone: 7, External: outer}})
	return s
}

// passes lets time pass, a second at a time, and returns what hosts were told.
func (s *story) passes(seconds int) string {
	s.told = nil
	for range seconds {
		for wrote := true; wrote; {
			wrote, _ = s.keeper.Keep(s.now, s.record)
		}
		s.now = s.now.Add(time.Second)
	}
	return strings.Join(slices.Compact(s.told), "; ")
}

var (
	router  = intent.Key{Kind: intent.KindRouter, Project: "red", Name: "r1"}
	forward = intent.Key{Kind: intent.KindPortForwarding, Project: "red", Name: "web"}
	outer   = netip.MustParseAddr("198.51.100.7")
	inner   = netip.MustParsePrefix("10.0.0.5/32")
	web     = intent.Translation{
		Router: router, Host: "h1", Zone: 7, Of: forward, External: outer, Internal: inner, Inward: true, Protocol: 6,
		Ports: intent.PortRange{First: 80, Last: 81}, To: intent.PortRange{First: 8080, Last: 8081},
	}
)

const webGoes = "h1: zone 7 protocol 6 {invalid IP 198.51.100.7 0 80} {10.0.0.5 invalid IP 8080 0}; " +
	"h1: zone 7 protocol 6 {invalid IP 198.51.100.7 0 81} {10.0.0.5 invalid IP 8081 0}"

// TestEnds takes a translation away in each of the ways, and gives it back.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		way                intent.Ending
		first, later, kept string
	}{
		{intent.Ending{}, webGoes, "", "nothing"},
		{intent.Ending{Change: intent.Drain, Within: 10}, "", webGoes, "it"},
		{intent.Ending{Change: intent.Keep}, "", "", "nothing"},
	} {
		s := newStory()
		s.Translations.Put(intent.Translating{Translation: web, Ending: tt.way})
		if told := s.passes(5); told != "" {
			t.Errorf("%+v: while it is: %s", tt.way, told)
		}
		s.Translations.Delete(web)
		if told := s.passes(5); !strings.HasPrefix(told, tt.first) || (told == "") != (tt.first == "") {
			t.Errorf("%+v: when it goes: %s", tt.way, told)
		}
		if _, known := s.Remembered.Peek(web); known != (tt.kept == "it") {
			t.Errorf("%+v: remembered: %t", tt.way, known)
		}
		if told := s.passes(15); !strings.HasPrefix(told, tt.later) || (told == "") != (tt.later == "") {
			t.Errorf("%+v: later: %s", tt.way, told)
		}
		if _, known := s.Remembered.Peek(web); known {
			t.Errorf("%+v: it is never forgotten", tt.way)
		}
	}
}

// TestEndsLater has the host be away, the controller begin anew, and the translation come back meanwhile.
func TestEndsLater(t *testing.T) {
	s := newStory()
	s.Translations.Put(intent.Translating{Translation: web})
	s.passes(1)
	s.away["h1"] = true
	s.Translations.Delete(web)
	if told := s.passes(60); told != "" {
		t.Fatalf("a host that is away was told %s", told)
	}
	s.Translations.Put(intent.Translating{Translation: web})
	s.away["h1"] = false
	if told := s.passes(5); told != "" {
		t.Fatalf("what came back was ended: %s", told)
	}
	s.Translations.Delete(web)
	s.keeper = newKeeper(s.Tables)
	s.Remembered.Put(intent.Translated{Translation: web, Until: 1}) // as it is read from the store
	if told := s.passes(5); !strings.HasPrefix(told, webGoes) {
		t.Fatalf("after a restart the host was told %q", told)
	}
	s.Remembered.Put(intent.Translated{Translation: web})
	s.away["h1"] = true
	s.passes(1)
	s.HostFacts.Delete("h1")
	s.passes(1)
	if _, known := s.Remembered.Peek(web); known {
		t.Error("connections of a host that was deleted are remembered")
	}
}

// TestEndsOfMoved has the gateway's address move: what begins on the new host is not taken for what ended on the old one.
func TestEndsOfMoved(t *testing.T) {
	s := newStory()
	float := intent.Translation{Router: router, Host: "h1", Zone: 7, Of: forward, External: outer, Internal: inner, Inward: true, Outward: true}
	s.Translations.Put(intent.Translating{Translation: float})
	s.passes(1)
	for of := range s.Translations.Scan() {
		s.Translations.Delete(of.Translation)
	}
	s.Externals.Put(intent.External{IP: outer, Router: router, Host: "h2"})
	var told []string
	for range 5 {
		s.passes(1)
		told = append(told, s.told...)
	}
	slices.Sort(told)
	whole, one := 0, 0
	for _, line := range told {
		if strings.Contains(line, "10.0.0.5") {
			one++
		} else {
			whole++
		}
	}
	if whole != 2 || one != 2*flushes {
		t.Errorf("of the address the host was told %d times, and %d times of what it stood for:\n%s", whole, one, strings.Join(told, "\n"))
	}
}

// TestSurvival ends at once, whatever was asked, what cannot go on.
func TestSurvival(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *story)
		lives  bool
	}{
		{"nothing else", func(*story) {}, true},
		{"the gateway is elsewhere", func(s *story) { s.Placed.Put(intent.Placed{Router: router, Host: "h2"}) }, false},
		{"the address goes", func(s *story) {
			s.Translations.Delete(intent.Translation{Router: router, Host: "h1", Zone: 7, External: outer})
		}, false},
		{"no source NAT", func(s *story) {
			s.Gateways.Put(intent.Gateway{Router: router, At: []intent.GatewayIP{{IP: outer}}})
		}, false},
		{"no source NAT, which keeps", func(s *story) {
			s.Gateways.Put(intent.Gateway{Router: router, At: []intent.GatewayIP{{IP: outer}}, Ending: intent.Ending{Change: intent.Keep}})
		}, true},
		{"it says otherwise now", func(s *story) { s.PortForwardings.Put(intent.PortForwarding{Key: forward}) }, false},
	} {
		s := newStory()
		s.Translations.Put(intent.Translating{Translation: web, Ending: intent.Ending{Change: intent.Keep}})
		s.passes(1)
		s.Translations.Delete(web)
		tt.change(s)
		if told := s.passes(3); strings.Contains(told, "80") == tt.lives {
			t.Errorf("%s: told %q", tt.name, told)
		}
	}
}

// TestConnections says which connections belong to what.
func TestConnections(t *testing.T) {
	key := intent.Key{Kind: intent.KindNATRule, Project: "red", Name: "n"}
	for _, tt := range []struct {
		of   intent.Translation
		want string
	}{
		{intent.Translation{Zone: 7}, "[{7 0 {invalid IP invalid IP 0 0} {invalid IP invalid IP 0 0}}]"},
		{intent.Translation{Zone: 7, External: outer}, "[{7 0 {invalid IP 198.51.100.7 0 0} {invalid IP invalid IP 0 0}} {7 0 {invalid IP invalid IP 0 0} {invalid IP 198.51.100.7 0 0}}]"},
		{
			intent.Translation{Zone: 7, Of: key, External: outer, Internal: inner, Inward: true, Outward: true},
			"[{7 0 {invalid IP 198.51.100.7 0 0} {10.0.0.5 invalid IP 0 0}} {7 0 {10.0.0.5 invalid IP 0 0} {invalid IP 198.51.100.7 0 0}}]",
		},
		{
			intent.Translation{Zone: 7, Of: key, External: outer, Internal: netip.MustParsePrefix("10.0.0.0/24"), Outward: true, Protocol: 17},
			"[{7 17 {invalid IP invalid IP 0 0} {invalid IP 198.51.100.7 0 0}}]",
		},
		{
			intent.Translation{Zone: 7, Of: key, External: outer, Internal: inner, Inward: true, Protocol: 6, Ports: intent.PortRange{First: 1, Last: 1000}},
			"[{7 6 {invalid IP 198.51.100.7 0 0} {10.0.0.5 invalid IP 0 0}}]",
		},
	} {
		if got := fmt.Sprint(connections(tt.of)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.of, got, tt.want)
		}
	}
}
