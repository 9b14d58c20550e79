package api

import (
	"fmt"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// maxConditions is how many labels and how many fields a filter may have.
const maxConditions = 100

// filter selects resources.
type filter struct {
	kinds   map[intent.Kind]struct{} // nil: all
	project string
	labels  map[string]string
	fields  []*condition
	status  bool // a field depends on status
}

// newFilter reads the filter in a field of a request, and tells all that is wrong with it.
func newFilter(field string, f *weftv1.Filter) (*filter, error) {
	out := &filter{project: f.GetProject(), labels: f.GetLabels()}
	wrong := &badRequest{}
	for i, name := range f.GetKinds() {
		if err := checkKind(name); err != nil {
			wrong.add(index(field+".kinds", i), err.Error())
			continue
		}
		if out.kinds == nil {
			out.kinds = map[intent.Kind]struct{}{}
		}
		out.kinds[intent.Kind(name)] = struct{}{}
	}
	if n := max(len(f.GetLabels()), len(f.GetFields())); n > maxConditions {
		wrong.add(field, fmt.Sprintf("%d labels or fields are too many; at most %d", n, maxConditions))
		return nil, wrong.err()
	}
	for i, text := range f.GetFields() {
		c, err := newCondition(text, out.kinds)
		if err != nil {
			wrong.add(index(field+".fields", i), err.Error())
			continue
		}
		out.fields = append(out.fields, c)
		out.status = out.status || c.status
	}
	return out, wrong.err()
}

// admits tells whether a resource of that key may pass.
func (f *filter) admits(key intent.Key) bool {
	if f.project != "" && key.Project != f.project {
		return false
	}
	if f.kinds == nil {
		return true
	}
	_, ok := f.kinds[key.Kind]
	return ok
}

// passesStored tells whether a stored resource, without the computed part of its status, passes all that does not depend
// on status.
func (f *filter) passesStored(res *weftv1.Resource) bool {
	if !f.admits(intent.KeyOf(res)) {
		return false
	}
	for key, value := range f.labels {
		if have, ok := res.GetLabels()[key]; !ok || have != value {
			return false
		}
	}
	for _, c := range f.fields {
		if !c.status && !c.holds(res) {
			return false
		}
	}
	return true
}

// passesStatus tells whether a resource with its whole status passes what depends on status.
func (f *filter) passesStatus(res *weftv1.Resource) bool {
	for _, c := range f.fields {
		if c.status && !c.holds(res) {
			return false
		}
	}
	return true
}

// passes tells whether a resource with its whole status passes.
func (f *filter) passes(res *weftv1.Resource) bool {
	return f.passesStored(res) && f.passesStatus(res)
}
