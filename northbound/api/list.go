package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	defaultPage = 500
	maxPage     = 5000
)

// List returns a page of resources.
func (w *weft) List(ctx context.Context, req *weftv1.ListRequest) (*weftv1.ListResponse, error) {
	if err := w.s.loaded(); err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	switch {
	case size < 0 || size > maxPage:
		return nil, badField("page_size", "%d is not from 1 to %d", size, maxPage)
	case size == 0:
		size = defaultPage
	}
	f, err := newFilter("filter", req.GetFilter())
	if err != nil {
		return nil, err
	}
	after, err := readToken(req)
	if err != nil {
		return nil, err
	}
	// The revision first: what is read is at least as new, so that a watch from there misses nothing.
	resp := &weftv1.ListResponse{Revision: w.s.cfg.Catalog.Revision()}
	bytes := 0
	for res := range w.s.cfg.Catalog.ListAfter(after) {
		if !f.passesStored(res) {
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		full := w.s.full(res)
		if !f.passesStatus(full) {
			continue
		}
		if n := len(resp.GetResources()); n == size || n > 0 && bytes > softMessage {
			resp.NextPageToken = writeToken(req, intent.KeyOf(resp.GetResources()[n-1]))
			break
		}
		bytes += proto.Size(full)
		resp.Resources = append(resp.Resources, full)
	}
	return resp, nil
}

// tokenVersion is the version of page tokens.
const tokenVersion = "1"

// writeToken is where the next page begins, and for which filter.
func writeToken(req *weftv1.ListRequest, last intent.Key) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenVersion + " " + filterSum(req) + " " + last.String()))
}

// readToken returns the last key of the page before; there is none before the first.
func readToken(req *weftv1.ListRequest) (intent.Key, error) {
	if req.GetPageToken() == "" {
		return intent.Key{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(req.GetPageToken())
	parts := strings.SplitN(string(raw), " ", 3)
	if err != nil || len(parts) != 3 || parts[0] != tokenVersion {
		return intent.Key{}, badField("page_token", "is none that this server gave")
	}
	if parts[1] != filterSum(req) {
		return intent.Key{}, badField("page_token", "belongs to another filter")
	}
	key, err := intent.ParseKey(parts[2])
	if err != nil {
		return intent.Key{}, badField("page_token", "is none that this server gave")
	}
	return key, nil
}

// filterSum tells filters apart.
func filterSum(req *weftv1.ListRequest) string {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(req.GetFilter())
	if err != nil { // a text that is not UTF-8, which no request that was received has
		return ""
	}
	sum := fnv.New64a()
	_, _ = sum.Write(raw) // a hash never fails
	return fmt.Sprintf("%x", sum.Sum64())
}
