package api

import (
	"context"
	"time"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	// defaultWait is how long Wait waits unless told otherwise.
	defaultWait = 30 * time.Second
	// answerTime is kept of a call's own deadline, so that the answer of Wait arrives before it.
	answerTime = 100 * time.Millisecond
)

// Wait returns when no host in scope is still working on the revision, or when the time is over.
func (w *weft) Wait(ctx context.Context, req *weftv1.WaitRequest) (*weftv1.WaitResponse, error) {
	if err := w.s.loaded(); err != nil {
		return nil, err
	}
	await, err := w.s.scope(req)
	if err != nil {
		return nil, err
	}
	limit, err := waitLimit(ctx, req)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(w.s.life, cancel)()
	hosts, err := w.s.cfg.Controller.Await(bounded, await)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	resp := &weftv1.WaitResponse{Revision: await.Revision, Hosts: hosts, Realised: w.s.reached(await.Revision) && realised(hosts, await)}
	if !resp.GetRealised() && w.s.life.Err() != nil {
		return nil, stopping()
	}
	return resp, nil
}

// scope says what a request waits for.
func (s *Server) scope(req *weftv1.WaitRequest) (Await, error) {
	a := Await{Revision: req.GetRevision(), Hosts: req.GetHosts(), OfflineCounts: req.GetOfflineCounts()}
	switch {
	case a.Revision < 0:
		return a, badField("revision", "%d is negative", a.Revision)
	case a.Revision == 0:
		a.Revision = s.cfg.Catalog.Revision()
	}
	for i, host := range a.Hosts {
		key := intent.Key{Kind: intent.KindHost, Name: host}
		if _, ok := s.cfg.Catalog.Get(key); !ok {
			return a, badField(index("hosts", i), "%s does not exist", key)
		}
	}
	// A resource need not exist any more: who deleted it may wait until it is gone from the hosts.
	var err error
	a.Resources, err = keysOf("resources", req.GetResources())
	return a, err
}

// waitLimit is how long a request may wait.
func waitLimit(ctx context.Context, req *weftv1.WaitRequest) (time.Duration, error) {
	limit := defaultWait
	if t := req.GetTimeout(); t != nil {
		if err := t.CheckValid(); err != nil {
			return 0, badField("timeout", "%v", err)
		}
		if t.AsDuration() < 0 {
			return 0, badField("timeout", "%s is negative", t.AsDuration())
		}
		if t.AsDuration() > 0 {
			limit = t.AsDuration()
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		limit = min(limit, left-min(answerTime, left/2))
	}
	return limit, nil
}

// reached tells whether a revision is one that the store has come to: one that lies ahead is realised nowhere, whatever
// hosts there are.
func (s *Server) reached(revision int64) bool { return revision <= s.cfg.Catalog.Revision() }

// realised tells whether every host that counts has realised the revision.
func realised(hosts []*weftv1.HostProgress, a Await) bool {
	for _, h := range hosts {
		switch h.GetState() {
		case weftv1.HostProgress_STATE_REALISED:
		case weftv1.HostProgress_STATE_OFFLINE:
			if a.OfflineCounts {
				return false
			}
		default:
			return false
		}
	}
	return true
}
