package ovsdb

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	wire "github.com/ovn-org/libovsdb/ovsdb"
)

// mender decides when the next transaction may go.
type mender struct {
	level     uint64 // of Desired that the fields below speak about
	refused   bool   // Desired contradicts itself
	reached   bool   // the host was once as this level wants it: what differs later is drift
	pending   bool   // a transaction is on its way
	wait      time.Duration
	notBefore time.Time
	attempts  int       // transactions since the host was last as desired
	tokens    float64   // drift transactions that may go at once
	filled    time.Time // when tokens was last counted
	timer     *time.Timer
}

// Drift is mended at once, but someone who undoes it each time is not fought faster than this.
const (
	driftBurst     = 10
	driftPerSecond = 2
)

// tooManyAttempts is how many transactions one level may take before it is taken for a fight or an effect that does not stick.
const tooManyAttempts = 5

// reconcile sends the transaction that is due, if any.
func (s *runner) reconcile(now time.Time) error {
	s.mu.Lock()
	d, level := s.desired, s.level
	s.mu.Unlock()
	m := &s.mend
	if d == nil || s.rep.root == nil || m.pending || !s.identified.Load() {
		return nil
	}
	if level != m.level {
		*m = mender{level: level, timer: m.timer, tokens: m.tokens, filled: m.filled}
		s.rep.planDirty = true
		if refusal := d.validate(); refusal != nil {
			m.refused = true
			s.note(func(st *Status) { st.Err, st.ErrAt, st.Synced = refusal, now, false })
			s.log.WithError(refusal).Error("host cannot be brought to this")
		}
	}
	if !s.rep.planDirty || m.refused {
		return nil
	}
	if wait := m.notBefore.Sub(now); wait > 0 {
		m.timer.Reset(wait)
		return nil
	}
	p := makePlan(s.rep, d)
	s.rep.planDirty = false
	if len(p.ops) == 0 {
		m.reached, m.attempts, m.wait = true, 0, 0
		s.note(func(st *Status) { st.Synced, st.Conflicts, st.Err = len(p.conflicts) == 0, p.conflicts, nil })
		return nil
	}
	s.note(func(st *Status) { st.Synced, st.Conflicts = false, p.conflicts })
	if !m.mayGo(now, s.cfg) {
		s.rep.planDirty = true
		m.timer.Reset(max(m.notBefore.Sub(now), time.Millisecond))
		return nil
	}
	return s.transact(p)
}

// mayGo paces transactions: drift by a bucket of tokens, a level that does not come to rest by growing waits.
func (m *mender) mayGo(now time.Time, cfg Config) bool {
	if m.reached && m.attempts == 0 {
		m.tokens = min(driftBurst, m.tokens+now.Sub(m.filled).Seconds()*driftPerSecond)
		m.filled = now
		if m.tokens < 1 {
			m.notBefore = now.Add(time.Second / driftPerSecond)
			return false
		}
		m.tokens--
	}
	if m.attempts++; m.attempts > tooManyAttempts {
		m.attempts = tooManyAttempts - 1 // one more after the wait
		m.backOff(now, cfg)
		return false
	}
	return true
}

// backOff puts off the next transaction: twice as long each time, spread so that a thousand hosts do not come back at once.
func (m *mender) backOff(now time.Time, cfg Config) {
	m.wait = min(max(2*m.wait, cfg.RetryMin), cfg.RetryMax)
	m.notBefore = now.Add(jitter(m.wait))
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// transact sends a plan, with the increment of next_cfg by which ovs-vswitchd tells that it has applied it.
func (s *runner) transact(p plan) error {
	root := is(s.rep.rootID)
	ops := slices.Concat(p.ops, []wire.Operation{
		{Op: wire.OperationMutate, Table: "Open_vSwitch", Where: root,
			Mutations: []wire.Mutation{mutation("next_cfg", wire.MutateOperationAdd, 1)}},
		{Op: wire.OperationSelect, Table: "Open_vSwitch", Where: root, Columns: []string{"next_cfg"}}})
	comment := "weft"
	ops = append(ops, wire.Operation{Op: wire.OperationComment, Comment: &comment})
	s.mend.pending = true
	return s.ask(call{kind: callTransact, plan: p, ops: ops}, "transact", wire.NewTransactArgs(database, ops...))
}

// transacted takes the reply. ovsdb-server sends the updates that a transaction caused before its reply, so the replica shows the
// effect by now, and planning again finds what is left.
func (s *runner) transacted(c call, m message) error {
	s.mend.pending = false
	s.rep.planDirty = true
	now := time.Now()
	out := outcome{}
	if failure, failed := m.failed(); failed {
		out.failure = failure
	} else {
		var err error
		if out, err = transactResult(m.result, c.ops); err != nil {
			return err
		}
	}
	if out.failure != "" {
		s.mend.backOff(now, s.cfg)
		s.note(func(st *Status) {
			st.Err, st.ErrAt = errors.New("transaction refused: "+out.failure), now
			st.Failures++
		})
		s.log.WithField("failure", out.failure).WithField("retry", s.mend.notBefore.Sub(now).Round(time.Millisecond)).
			Warn("host refused a transaction")
		return nil
	}
	if c.plan.partial {
		s.mend.attempts = 0
	}
	drift := s.mend.reached
	s.note(func(st *Status) {
		st.Transactions++
		st.NextCfg, st.Err = out.nextCfg, nil
		if drift {
			st.DriftMended += uint64(len(c.plan.changes))
		}
	})
	log := s.log.WithField("changes", len(c.plan.changes)).WithField("first", c.plan.changes[:min(5, len(c.plan.changes))])
	if drift {
		log.Warn("mended what others changed")
	} else {
		log.Debug("host configured")
	}
	return nil
}
