package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// explainMost is how many flows are explained when the request does not say.
const explainMost = 100

// Explain tells why flows exist. The engine runs rules again to learn what they read, so that the world's goroutine does it.
func (c *core) Explain(ctx context.Context, req *weftv1.ExplainRequest) (*weftv1.ExplainResponse, error) {
	answer := make(chan *weftv1.ExplainResponse, 1)
	c.world.inbox.post(func(w *world) { w.after(func() { answer <- w.explain(req) }) })
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-answer:
		return r, nil
	}
}

func (w *world) explain(req *weftv1.ExplainRequest) *weftv1.ExplainResponse {
	most := int(req.GetLimit())
	if most <= 0 {
		most = explainMost
	}
	r := &weftv1.ExplainResponse{}
	add := func(x compile.Explanation) bool {
		if req.GetHost() == "" || x.Host == req.GetHost() {
			r.Flows = append(r.Flows, w.explanation(x))
		}
		return len(r.Flows) < most
	}
	if req.GetCookie() != 0 {
		for _, x := range w.engine.Explain(req.GetCookie()) {
			if !add(x) {
				break
			}
		}
		return r
	}
	parts := flowParts(req.GetFlow())
	for _, host := range w.engine.Hosts() {
		if req.GetHost() != "" && host != req.GetHost() {
			continue
		}
		for _, f := range w.engine.Host(host).Flows {
			if !containsAll(pipeline.Text(f)+","+f.Text(pipeline.Names(f.Table, nil)), parts) {
				continue
			}
			if x, ok := w.engine.ExplainFlow(host, f.Key); ok && !add(x) {
				return r
			}
		}
	}
	return r
}

// flowParts splits what a user knows of a flow: "table=20, dl_dst=fa:16:3e:00:00:01".
func flowParts(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ',' || c == ' ' })
}

func containsAll(text string, parts []string) bool {
	have := map[string]bool{}
	for _, p := range flowParts(text) {
		have[p] = true
	}
	for _, p := range parts {
		if !have[p] && !strings.HasPrefix(p, "cookie=") && !strings.HasPrefix(p, "actions=") {
			return false
		}
	}
	return true
}

func (w *world) explanation(x compile.Explanation) *weftv1.FlowExplanation {
	match, actions := pipeline.NamedText(x.Flow, nil)
	return &weftv1.FlowExplanation{
		Host: x.Host, Cookie: x.Flow.Cookie, Table: uint32(x.Flow.Table), TableName: w.points.TableName(x.Flow.Table),
		Priority: uint32(x.Flow.Priority), Match: match, Actions: actions,
		Rule: fmt.Sprintf("%s.%s", x.Owner.App, x.Owner.Rule), Subject: x.Owner.Subject, Reads: x.Read, SinceRevision: x.Since,
	}
}
