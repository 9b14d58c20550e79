package client

import (
	"context"
	"iter"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Apply creates or updates resources in one transaction, provided that the preconditions hold.
func (c *Client) Apply(ctx context.Context, resources []*weftv1.Resource, preconditions ...*weftv1.Precondition) (*weftv1.ApplyResponse, error) {
	resp, err := c.weft.Apply(ctx, &weftv1.ApplyRequest{Resources: resources, Preconditions: preconditions})
	return resp, c.wrap(err)
}

// Get returns a resource, or ErrNotFound.
func (c *Client) Get(ctx context.Context, ref *weftv1.ResourceRef) (*weftv1.Resource, error) {
	resp, err := c.weft.Get(ctx, &weftv1.GetRequest{Ref: ref})
	return resp.GetResource(), c.wrap(err)
}

// List returns the resources that pass the filter, ordered by kind, project and name, fetching page after page as the
// loop goes on. An error ends it.
func (c *Client) List(ctx context.Context, filter *weftv1.Filter) iter.Seq2[*weftv1.Resource, error] {
	return func(yield func(*weftv1.Resource, error) bool) {
		for page, err := range c.pages(ctx, filter) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range page.GetResources() {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// ListAll returns all that pass the filter, and the revision from whose successor on a Watch misses nothing. Pages are
// read one after the other, so what changes meanwhile may be in it already.
func (c *Client) ListAll(ctx context.Context, filter *weftv1.Filter) ([]*weftv1.Resource, int64, error) {
	var out []*weftv1.Resource
	revision := int64(-1)
	for page, err := range c.pages(ctx, filter) {
		if err != nil {
			return nil, 0, err
		}
		out = append(out, page.GetResources()...)
		if revision < 0 {
			revision = page.GetRevision()
		}
	}
	return out, revision, nil
}

func (c *Client) pages(ctx context.Context, filter *weftv1.Filter) iter.Seq2[*weftv1.ListResponse, error] {
	return func(yield func(*weftv1.ListResponse, error) bool) {
		req := &weftv1.ListRequest{Filter: filter}
		for {
			resp, err := c.weft.List(ctx, req)
			if !yield(resp, c.wrap(err)) || err != nil || resp.GetNextPageToken() == "" {
				return
			}
			req.PageToken = resp.GetNextPageToken()
		}
	}
}

// DeleteOptions say how to delete.
type DeleteOptions struct {
	// Cascade deletes what refers to the resources too. Without it, a resource in use is ErrPrecondition.
	Cascade bool
	// Preconditions must hold for anything to be deleted.
	Preconditions []*weftv1.Precondition
}

// Delete removes resources in one transaction.
func (c *Client) Delete(ctx context.Context, refs []*weftv1.ResourceRef, opt DeleteOptions) (*weftv1.DeleteResponse, error) {
	resp, err := c.weft.Delete(ctx, &weftv1.DeleteRequest{Refs: refs, Cascade: opt.Cascade, Preconditions: opt.Preconditions})
	return resp, c.wrap(err)
}

// WaitOptions say what to wait for.
type WaitOptions struct {
	// Revision as returned by Apply or Delete; 0: the current one.
	Revision int64
	// Hosts in scope; nil: all.
	Hosts []string
	// Resources narrow the scope to hosts that carry one of them.
	Resources []*weftv1.ResourceRef
	// OfflineCounts waits for offline hosts too.
	OfflineCounts bool
	// Timeout bounds the wait; 0: 30 s.
	Timeout time.Duration
}

// Wait returns when no host in scope still works on the revision, or when the timeout ends. Neither that nor a host that
// failed is an error: GetRealised tells, and GetHosts why not.
func (c *Client) Wait(ctx context.Context, opt WaitOptions) (*weftv1.WaitResponse, error) {
	req := &weftv1.WaitRequest{Revision: opt.Revision, Hosts: opt.Hosts, Resources: opt.Resources, OfflineCounts: opt.OfflineCounts}
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	req.Timeout = durationpb.New(opt.Timeout)
	// The server ends the wait; the deadline is for one that does not answer.
	ctx, cancel := context.WithTimeout(ctx, opt.Timeout+10*time.Second)
	defer cancel()
	resp, err := c.weft.Wait(ctx, req)
	return resp, c.wrap(err)
}

// Explain tells where flows come from.
func (c *Client) Explain(ctx context.Context, req *weftv1.ExplainRequest) ([]*weftv1.FlowExplanation, error) {
	resp, err := c.weft.Explain(ctx, req)
	return resp.GetFlows(), c.wrap(err)
}
