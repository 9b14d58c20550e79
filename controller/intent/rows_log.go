package intent

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Logged is what the log is told of a packet, by a number that switches send along with it: the rule that it matches, or that
// it is dropped because no rule of a security group lets it through.
type Logged struct {
	Number  uint64 // made from what follows
	List    Key
	Rule    string // empty: none
	Verdict Verdict
	Shadow  bool // nothing becomes of it
}

// Equal tells whether two rows are the same.
func (l Logged) Equal(o Logged) bool { return l == o }

// openingBit of a number says that only packets which open a connection are told of. What is dropped opens none, and is told of each
// time.
const openingBit = 1 << 63

// NewLogged returns what the log is told where a rule of a list matches.
func NewLogged(list Key, r SecurityRule) Logged {
	l := Logged{List: list, Rule: r.Name, Verdict: r.Verdict, Shadow: r.Shadow}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%t", l.List, l.Rule, l.Verdict, l.Shadow))
	l.Number = binary.BigEndian.Uint64(sum[:]) &^ openingBit
	if l.Shadow || l.Verdict == VerdictAllow || l.Verdict == VerdictPass {
		l.Number |= openingBit
	}
	return l
}

// Unmatched returns what the log is told where no rule lets a packet through, by a security group.
func Unmatched(group Key) Logged { return NewLogged(group, SecurityRule{Verdict: VerdictDrop}) }

// Logs tells whether the log is told of packets that a rule of the list is about.
func (l RuleList) Logs(r SecurityRule) bool {
	switch r.Verdict {
	case VerdictAllow:
		return r.Log || l.LogAccepted
	case VerdictDrop, VerdictReject:
		return r.Log || l.LogDropped
	}
	return r.Log
}

// LogsUnmatched tells whether the log is told of packets that nothing lets through. Policies leave those to others.
func (l RuleList) LogsUnmatched() bool { return l.Tier == TierGroups && l.LogDropped }

// LogsAny tells whether the log is told of anything.
func (l RuleList) LogsAny() bool {
	for _, r := range l.Rules {
		if l.Logs(r) {
			return true
		}
	}
	return l.LogsUnmatched()
}

// LoggedCounter is the kind of counters of packets that the log should be told of, by port ("port/red/vm1").
const LoggedCounter = "logged"
