package openflow

import (
	"context"
	"errors"
	"fmt"
)

// ErrTooLarge is returned for a change that does not fit in a message.
var ErrTooLarge = errors.New("change does not fit in a message")

// ModError says which change of a transaction a switch refused.
type ModError struct {
	Index int    // in the slice given
	Mod   string // what it is, in the words of ovs-ofctl
	Err   error  // an *Error, or why it was not sent
}

func (e *ModError) Error() string { return fmt.Sprintf("change %d (%s): %v", e.Index, e.Mod, e.Err) }

// Unwrap returns what the switch said.
func (e *ModError) Unwrap() error { return e.Err }

// putBatch is how many bytes of a transaction are encoded before others may send.
const putBatch = 256 << 10

// transaction is a range of messages whose errors are told apart by their ids.
type transaction struct {
	c    *Conn
	p    *pending
	mods []Mod
	skip uint32 // messages before the first change
}

// Bundle makes changes as one: all or none of them, and packets see all or none. Open vSwitch takes no meters in bundles, so
// meters are added and changed just before and removed just after.
//
// Changes are made in the order given. When the switch refuses one, the error is a *ModError that names it, and nothing has
// changed but meters. On any other error the outcome is unknown.
func (c *Conn) Bundle(ctx context.Context, mods []Mod) error {
	var before, after, inside []int // positions in mods
	for i := range mods {
		switch {
		case !mods[i].fits():
			return &ModError{i, mods[i].String(), ErrTooLarge}
		case !mods[i].isMeter():
		case mods[i].kind == modMeterDelete:
			after = append(after, i)
		default:
			before = append(before, i)
		}
	}
	if len(before)+len(after) == 0 {
		return c.bundleOf(ctx, mods)
	}
	for i := range mods {
		if !mods[i].isMeter() {
			inside = append(inside, i)
		}
	}
	for _, step := range [...]struct {
		at []int
		do func(context.Context, []Mod) error
	}{{before, c.Apply}, {inside, c.bundleOf}, {after, c.Apply}} {
		if err := c.step(ctx, mods, step.at, step.do); err != nil {
			return err
		}
	}
	return nil
}

// step does some of the changes, and gives an error the index that the change has among all.
func (c *Conn) step(ctx context.Context, mods []Mod, at []int, do func(context.Context, []Mod) error) error {
	if len(at) == 0 {
		return nil
	}
	part := make([]Mod, len(at))
	for i, j := range at {
		part[i] = mods[j]
	}
	err := do(ctx, part)
	if e := (*ModError)(nil); errors.As(err, &e) && e.Index < len(at) {
		return &ModError{at[e.Index], e.Mod, e.Err}
	}
	return err
}

// bundleOf sends open and adds, and commits only after a barrier has shown that no add was refused: a switch commits what it
// took. A bundle of one change needs no barrier, for without it there is nothing to commit.
func (c *Conn) bundleOf(ctx context.Context, mods []Mod) error {
	if len(mods) == 0 {
		return nil
	}
	const flags = BundleAtomic | BundleOrdered
	id := c.bundle.Add(1)
	n := uint32(len(mods))
	t := transaction{c: c, p: c.expect(n + 3), mods: mods, skip: 1}
	defer c.forget(t.p)
	control := func(xid uint32, command BundleCommand) func([]byte) []byte {
		return func(b []byte) []byte { return AppendBundleControl(b, xid, BundleControl{id, command, flags}) }
	}
	last := t.p.first + n
	err := t.put(ctx, control(t.p.first, BundleOpen), func(b []byte, m *Mod, xid uint32) []byte {
		return m.AppendInBundle(b, xid, id, flags)
	})
	if err != nil {
		return err
	}
	if n > 1 {
		if err := c.put(ctx, func(b []byte) []byte { return AppendEmpty(b, TypeBarrierRequest, last+1) }); err != nil {
			return err
		}
		if err := t.until(ctx, last+1); err != nil {
			c.discard(ctx, control, id)
			return err
		}
	}
	if err := c.put(ctx, control(last+2, BundleCommit)); err != nil {
		return err
	}
	return t.until(ctx, last+2)
}

// discard forgets a bundle that was not committed. Its failure does not matter: the switch forgets bundles with the
// connection.
func (c *Conn) discard(ctx context.Context, control func(uint32, BundleCommand) func([]byte) []byte, _ uint32) {
	p := c.expect(1)
	defer c.forget(p)
	if c.put(ctx, control(p.first, BundleDiscard)) == nil {
		_, _ = c.await(ctx, p)
	}
}

// Apply makes changes one by one, and returns when the switch has made them all. For switches without bundles; a refused
// change does not stop those after it. The error is a *ModError that names the first refused.
func (c *Conn) Apply(ctx context.Context, mods []Mod) error {
	if len(mods) == 0 {
		return nil
	}
	for i := range mods {
		if !mods[i].fits() {
			return &ModError{i, mods[i].String(), ErrTooLarge}
		}
	}
	n := uint32(len(mods))
	t := transaction{c: c, p: c.expect(n + 1), mods: mods}
	defer c.forget(t.p)
	err := t.put(ctx, nil, func(b []byte, m *Mod, xid uint32) []byte { return m.Append(b, xid) })
	if err != nil {
		return err
	}
	last := t.p.first + n
	if err := c.put(ctx, func(b []byte) []byte { return AppendEmpty(b, TypeBarrierRequest, last) }); err != nil {
		return err
	}
	return t.until(ctx, last)
}

// put encodes what is before the changes and the changes straight into the write buffer.
func (t *transaction) put(ctx context.Context, head func([]byte) []byte, each func(b []byte, m *Mod, xid uint32) []byte) error {
	for i := 0; i < len(t.mods); {
		err := t.c.put(ctx, func(b []byte) []byte {
			if i == 0 && head != nil {
				b = head(b)
			}
			for start := len(b); i < len(t.mods) && len(b)-start < putBatch; i++ {
				b = each(b, &t.mods[i], t.p.first+t.skip+uint32(i))
			}
			return b
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// until waits for the reply with an id. Errors that came before it count: the switch answers in order.
func (t *transaction) until(ctx context.Context, xid uint32) error {
	var first, other *Error
	for {
		m, err := t.c.await(ctx, t.p)
		e, refused := errors.AsType[*Error](err)
		switch {
		case refused && e.XID-t.p.first-t.skip < uint32(len(t.mods)):
			if first == nil || e.XID < first.XID {
				first = e
			}
			continue
		case refused && e.XID != xid:
			other = e
			continue
		case refused:
			if other == nil {
				other = e
			}
		case err != nil:
			return err
		case m.XID != xid:
			continue
		}
		break
	}
	first, other = t.drain(first, other)
	if first != nil {
		i := int(first.XID - t.p.first - t.skip)
		return &ModError{i, t.mods[i].String(), first}
	}
	if other != nil {
		return other
	}
	return nil
}

// drain takes the errors that came before the reply and that await passed over: it takes either when both are there.
func (t *transaction) drain(first, other *Error) (*Error, *Error) {
	for {
		select {
		case e := <-t.p.refusals:
			switch {
			case e.XID-t.p.first-t.skip >= uint32(len(t.mods)):
				other = e
			case first == nil || e.XID < first.XID:
				first = e
			}
		default:
			return first, other
		}
	}
}
