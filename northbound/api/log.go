package api

import (
	"fmt"
	"slices"
	"strings"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// logFilter says which entries of the log a watch wants.
type logFilter struct{ want *weftv1.LogFilter }

// logged are the kinds of resources that entries are about.
var logged = []string{"Port", "SecurityGroup", "SecurityPolicy"}

// logVerdicts are what may become of a packet.
var logVerdicts = []string{"accept", "drop", "reject", "pass"}

// newLogFilter reads which entries are wanted; nil: none.
func newLogFilter(req *weftv1.WatchRequest) (*logFilter, error) {
	want := req.GetLog()
	if want == nil {
		if req.GetLogOnly() {
			return nil, badField("log_only", "nothing of the log is asked for")
		}
		return nil, nil
	}
	for i, ref := range want.GetRefs() {
		if !slices.ContainsFunc(logged, func(kind string) bool { return strings.EqualFold(kind, ref.GetKind()) }) {
			return nil, badField(fmt.Sprintf("log.refs[%d].kind", i), "%q is none of %s", ref.GetKind(), strings.Join(logged, ", "))
		}
		if ref.GetName() == "" {
			return nil, badField(fmt.Sprintf("log.refs[%d].name", i), "is missing")
		}
	}
	for i, v := range want.GetVerdicts() {
		if !slices.Contains(logVerdicts, v) {
			return nil, badField(fmt.Sprintf("log.verdicts[%d]", i), "%q is none of %s", v, strings.Join(logVerdicts, ", "))
		}
	}
	return &logFilter{want}, nil
}

// passes tells whether an entry is wanted. Numbers of packets that there are no entries of are, wherever their port is: what became
// of them nobody knows.
func (f *logFilter) passes(e *weftv1.LogEntry) bool {
	if p := f.want.GetProject(); p != "" && p != e.GetPort().GetProject() {
		return false
	}
	port, list := false, false
	for _, ref := range f.want.GetRefs() {
		port = port || sameRef(ref, e.GetPort())
		list = list || !strings.EqualFold(ref.GetKind(), "Port") && (e.GetSuppressed() > 0 || sameRef(ref, e.GetList()))
	}
	if len(f.want.GetRefs()) > 0 && !port && !list {
		return false
	}
	return len(f.want.GetVerdicts()) == 0 || e.GetSuppressed() > 0 || slices.Contains(f.want.GetVerdicts(), e.GetVerdict())
}

func sameRef(a, b *weftv1.ResourceRef) bool {
	return strings.EqualFold(a.GetKind(), b.GetKind()) && a.GetProject() == b.GetProject() && a.GetName() == b.GetName()
}
