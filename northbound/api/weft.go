package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// weft is the northbound service.
type weft struct {
	weftv1.UnimplementedWeftServiceServer
	s *Server
}

// loaded fails while it is not known what the store holds: nothing read must not look like nothing stored.
func (s *Server) loaded() error {
	if s.cfg.Catalog.Revision() == 0 {
		return intent.ErrNotLoaded
	}
	return nil
}

// full returns a copy of a stored resource with its whole status.
func (s *Server) full(res *weftv1.Resource) *weftv1.Resource {
	out := proto.CloneOf(res)
	s.count(out)
	s.cfg.Controller.Overlay(out)
	return out
}

// count fills in the part of a status that depends on what other resources use.
func (s *Server) count(res *weftv1.Resource) {
	key := intent.KeyOf(res)
	if res.Status == nil {
		res.Status = &weftv1.Status{}
	}
	switch key.Kind {
	case intent.KindSubnet:
		if subnet := res.GetStatus().GetSubnet(); subnet != nil {
			subnet.UsedIps = s.cfg.Catalog.UsedIPs(key)
		}
	case intent.KindSecurityGroup:
		if group := res.GetStatus().GetSecurityGroup(); group != nil {
			group.Ports = s.cfg.Catalog.PortsOfGroup(key)
		}
	case intent.KindPort:
		if port := res.GetStatus().GetPort(); port != nil {
			port.SecurityGroups = s.cfg.Catalog.GroupsOfPort(key)
		}
	case intent.KindSegmentRange:
		if used, available, ok := s.cfg.Catalog.SegmentUsage(key); ok {
			res.Status.Details = &weftv1.Status_SegmentRange{SegmentRange: &weftv1.SegmentRangeStatus{Used: used, Available: available}}
		}
	}
}

// Apply creates or updates resources.
func (w *weft) Apply(ctx context.Context, req *weftv1.ApplyRequest) (resp *weftv1.ApplyResponse, err error) {
	a := w.s.audit(ctx, "apply")
	for _, res := range req.GetResources() {
		a.add(intent.KeyOf(res).String())
	}
	defer func() { a.done(resp.GetRevision(), err) }()
	if err := w.s.writable(len(req.GetResources()), "resources"); err != nil {
		return nil, err
	}
	rev, results, err := w.s.cfg.Catalog.Apply(ctx, req.GetResources(), req.GetPreconditions())
	if err != nil {
		return nil, err
	}
	resp = &weftv1.ApplyResponse{Revision: rev, Results: make([]*weftv1.ApplyResult, 0, len(results))}
	for _, r := range results {
		resp.Results = append(resp.Results, &weftv1.ApplyResult{Outcome: r.GetOutcome(), Resource: w.s.full(r.GetResource())})
	}
	return resp, nil
}

// writable refuses what no write may be.
func (s *Server) writable(n int, field string) error {
	if n > intent.MaxResources {
		return badField(field, "%d are too many; at most %d", n, intent.MaxResources)
	}
	return s.loaded()
}

// Get returns a resource.
func (w *weft) Get(_ context.Context, req *weftv1.GetRequest) (*weftv1.GetResponse, error) {
	if err := w.s.loaded(); err != nil {
		return nil, err
	}
	key, err := keyOf("ref", req.GetRef())
	if err != nil {
		return nil, err
	}
	// The revision first: what is read is at least as new.
	revision := w.s.cfg.Catalog.Revision()
	res, ok := w.s.cfg.Catalog.Get(key)
	if !ok {
		return nil, &intent.NotFoundError{Keys: []intent.Key{key}}
	}
	return &weftv1.GetResponse{Resource: w.s.full(res), Revision: max(revision, res.GetRevision())}, nil
}

// Delete removes resources.
func (w *weft) Delete(ctx context.Context, req *weftv1.DeleteRequest) (resp *weftv1.DeleteResponse, err error) {
	a := w.s.audit(ctx, "delete")
	defer func() { a.done(resp.GetRevision(), err) }()
	if err := w.s.writable(len(req.GetRefs()), "refs"); err != nil {
		return nil, err
	}
	keys, err := keysOf("refs", req.GetRefs())
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		a.add(key.String())
	}
	rev, deleted, err := w.s.cfg.Catalog.Delete(ctx, keys, req.GetCascade(), req.GetPreconditions())
	if err != nil {
		return nil, err
	}
	resp = &weftv1.DeleteResponse{Revision: rev, Deleted: make([]*weftv1.ResourceRef, 0, len(deleted))}
	for _, key := range deleted {
		resp.Deleted = append(resp.Deleted, key.Ref())
	}
	return resp, nil
}

// Explain tells where flows come from.
func (w *weft) Explain(ctx context.Context, req *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
	if req.GetLimit() < 0 {
		return nil, badField("limit", "%d is negative", req.GetLimit())
	}
	if req.GetCookie() == 0 && req.GetFlow() == "" {
		return nil, badField("cookie", "is missing; give a cookie or a flow")
	}
	return w.s.cfg.Controller.Explain(ctx, req)
}
