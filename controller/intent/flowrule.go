package intent

import (
	"fmt"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/southbound/flow"
)

// FlowRule is a flow, a group or a meter that somebody wrote by hand: the text of one of them.
type FlowRule struct {
	Key                Key
	Host               string
	Flow, Group, Meter string
}

// Equal tells whether two rows are the same.
func (f FlowRule) Equal(o FlowRule) bool { return f == o }

// FlowRuleCounter is the kind of counter of packets that flows of FlowRules have seen. Its subject is the resource's key.
const FlowRuleCounter = "flowrule"

// maxFlowText is how long the text of a flow may be, in bytes.
const maxFlowText = 16 << 10

// flowRuleFacts is what a flow by hand refers to.
type flowRuleFacts struct{ host Key }

func flowRuleFactsOf(spec *weftv1.FlowRuleSpec) *flowRuleFacts {
	return &flowRuleFacts{Key{Kind: KindHost, Name: spec.GetHost()}}
}

// FlowRuleRow returns the row of a stored flow by hand.
func FlowRuleRow(res *weftv1.Resource) FlowRule {
	spec := res.GetFlowRuleSpec()
	return FlowRule{Key: KeyOf(res), Host: spec.GetHost(), Flow: spec.GetFlow(), Group: spec.GetGroup(), Meter: spec.GetMeter()}
}

// parseFlowRule refuses what can never be a flow.
func (t *txn) parseFlowRule(d *draft, spec *weftv1.FlowRuleSpec) {
	if problem := nameProblem(spec.GetHost()); problem != "" {
		t.refuse(d, "spec.host", ReasonInvalid, "%s", problem)
	}
	given := 0
	for _, text := range []struct {
		field, text string
		problem     func(string) error
	}{
		{"spec.flow", spec.GetFlow(), t.flowProblem},
		{"spec.group", spec.GetGroup(), t.groupProblem},
		{"spec.meter", spec.GetMeter(), meterProblem},
	} {
		if text.text == "" {
			continue
		}
		given++
		if len(text.text) > maxFlowText {
			t.refuse(d, text.field, ReasonInvalid, "has %d bytes; at most %d", len(text.text), maxFlowText)
			continue
		}
		if err := text.problem(text.text); err != nil {
			t.refuse(d, text.field, ReasonInvalid, "%v", err)
		}
	}
	if given != 1 {
		t.refuse(d, "spec", ReasonInvalid, "has %d of flow, group and meter; exactly one is needed", given)
	}
}

// anyPort takes each name for that of a port: which ports a host has is known where its rows are.
func anyPort(name string) (uint32, bool) {
	numeric := strings.HasPrefix(name, "0x") || strings.Trim(name, "0123456789") == ""
	return 1, !numeric && !flow.IsReservedPort(name) && portNameProblem(strings.ReplaceAll(name, "/", "")) == ""
}

// flowWords are what texts of flows may say.
func (t *txn) flowWords() flow.Words {
	words := t.cfg.FlowWords
	words.Port = anyPort
	return words
}

func (t *txn) flowProblem(text string) error {
	r, err := t.flowWords().ParseRule(text)
	if err != nil {
		return err
	}
	if r.Cookie != 0 {
		return fmt.Errorf("a cookie cannot be chosen: the controller knows its flows by it")
	}
	_, err = flow.New(r.Table, r.Priority, r.Match, r.Actions)
	return err
}

func (t *txn) groupProblem(text string) error {
	_, err := t.flowWords().ParseGroup(text)
	return err
}

func meterProblem(text string) error {
	_, err := flow.ParseMeterText(text)
	return err
}

// applyFlowRules accepts flows by hand.
func (t *txn) applyFlowRules(drafts []*draft) {
	for _, d := range drafts {
		if d.old != nil {
			t.immutable(d, "spec.host", d.old.res.GetFlowRuleSpec().GetHost(), d.given.GetFlowRuleSpec().GetHost())
		}
		rec := t.resolve(d, "spec.host", flowRuleFactsOf(d.given.GetFlowRuleSpec()).host)
		if rec != nil && rec.res.GetHostSpec().GetUnmanaged() {
			t.refuse(d, "spec.host", ReasonInvalid, "%s is unmanaged: nobody would write flows there", rec.key)
		}
		if !d.bad {
			t.accept(d, nil)
		}
	}
}
