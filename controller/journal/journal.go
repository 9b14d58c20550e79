package journal

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Limits of what is taken.
const (
	queued    = 1024 // packets that may wait
	perSecond = 1000 // entries of all ports
	burst     = 2000 // entries that may come at once
	unread    = 4096 // entries that may wait for one listener
)

// tick is how often it is looked up how many packets there are no entries of.
const tick = time.Second

// Sighting is a packet that the log is told of.
type Sighting struct {
	At     time.Time
	Host   string
	Port   uint32 // of the host's switch: whose rules were asked
	Egress bool   // the port sent it
	Number uint64 // of an intent.Logged
	Head   []byte // the first bytes of the frame
}

// Place is a port on a host.
type Place struct{ Host, Port string }

// Book says what numbers stand for. It is asked on the goroutine of Run alone.
type Book interface {
	// Logged returns what the log is told by a number; false: there is no such rule any more.
	Logged(number uint64) (intent.Logged, bool)
	// PortAt returns the port that is at a port of a host's switch.
	PortAt(host string, ofport uint32) (intent.Key, bool)
	// Due returns of how many packets the log should have been told since this process is there.
	Due() map[Place]uint64
}

// Journal keeps what the log is told.
type Journal struct {
	book  Book
	log   *logrus.Entry
	queue chan Sighting

	// Of the goroutine of Run.
	told      map[Place]*told
	allowance float64
	since     time.Time // when the allowance was counted

	mu         sync.Mutex
	listeners  map[*Listener]struct{}
	entries    uint64
	suppressed uint64
}

// told is what there is of one port.
type told struct {
	entries    uint64 // packets that there are entries of
	suppressed uint64 // packets that were told as a number
	missing    uint64 // packets that there were neither of when last looked at
}

// New returns a journal that also writes to the program's log.
func New(book Book, log *logrus.Entry) *Journal {
	return &Journal{book: book, log: log, queue: make(chan Sighting, queued), told: map[Place]*told{}, allowance: burst, listeners: map[*Listener]struct{}{}}
}

// Offer takes a packet, or lets it go when too many wait: it is one more that there is no entry of.
func (j *Journal) Offer(s Sighting) {
	select {
	case j.queue <- s:
	default:
	}
}

// Counts returns how many entries there have been, and how many packets were told as a number.
func (j *Journal) Counts() (entries, suppressed uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries, j.suppressed
}

// Run makes entries until ctx ends.
func (j *Journal) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-j.queue:
			j.take(s)
		case now := <-ticker.C:
			j.count(now)
		}
	}
}

// take makes an entry of a packet, if there may be one more.
func (j *Journal) take(s Sighting) {
	if passed := s.At.Sub(j.since); passed > 0 {
		j.allowance = min(burst, j.allowance+passed.Seconds()*perSecond)
		j.since = s.At
	}
	what, ok := j.book.Logged(s.Number)
	port, there := j.book.PortAt(s.Host, s.Port)
	if !ok || !there || j.allowance < 1 {
		return
	}
	j.allowance--
	j.at(Place{s.Host, port.String()}).entries++
	e := &weftv1.LogEntry{
		Time: timestamppb.New(s.At), Host: s.Host, Port: reference(port), Direction: "ingress", Verdict: verdicts[what.Verdict], Mode: "enforce",
		List: reference(what.List), Rule: what.Rule, Packet: Summary(s.Head),
	}
	if s.Egress {
		e.Direction = "egress"
	}
	if what.Shadow {
		e.Mode = "shadow"
	}
	j.tell(e)
}

// verdicts are what becomes of packets, in words.
var verdicts = map[intent.Verdict]string{
	intent.VerdictAllow: "accept", intent.VerdictDrop: "drop", intent.VerdictReject: "reject", intent.VerdictPass: "pass",
}

func reference(k intent.Key) *weftv1.ResourceRef {
	return &weftv1.ResourceRef{Kind: string(k.Kind), Project: k.Project, Name: k.Name}
}

func (j *Journal) at(p Place) *told {
	t := j.told[p]
	if t == nil {
		t = &told{}
		j.told[p] = t
	}
	return t
}

// count tells of how many packets there are no entries. Switches count them before and after they hand them over: what is missing is what
// was missing a tick ago, too.
func (j *Journal) count(now time.Time) {
	due := j.book.Due()
	for p := range j.told {
		if _, stays := due[p]; !stays {
			delete(j.told, p)
		}
	}
	places := make([]Place, 0, len(due))
	for p := range due {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b Place) int { return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port)) })
	for _, p := range places {
		t := j.at(p)
		missing := uint64(0)
		if known := t.entries + t.suppressed; due[p] > known {
			missing = due[p] - known
		}
		n := min(missing, t.missing)
		t.missing = missing - n
		if n == 0 {
			continue
		}
		t.suppressed += n
		port, err := intent.ParseKey(p.Port)
		if err != nil {
			continue // a counter of something else
		}
		j.tell(&weftv1.LogEntry{Time: timestamppb.New(now), Host: p.Host, Port: reference(port), Suppressed: n})
	}
}
