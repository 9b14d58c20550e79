package api

import (
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// keyOfRef reads a reference; the error says what is wrong with it.
func keyOfRef(ref *weftv1.ResourceRef) (intent.Key, error) {
	kind, err := kindNamed(ref.GetKind())
	switch {
	case err != nil:
		return intent.Key{}, err
	case ref.GetName() == "":
		return intent.Key{}, fmt.Errorf("the %s has no name", kind.Name)
	case kind.Global && ref.GetProject() != "":
		return intent.Key{}, fmt.Errorf("a %s belongs to no project, but one is given: %q", kind.Name, ref.GetProject())
	case !kind.Global && ref.GetProject() == "":
		return intent.Key{}, fmt.Errorf("the project of %s %q is missing", kind.Name, ref.GetName())
	}
	return intent.KeyOf(&weftv1.Resource{Kind: kind.Name, Project: ref.GetProject(), Name: ref.GetName()}), nil
}

// kindNamed returns the kind of that name, "Port".
func kindNamed(name string) (manifest.Kind, error) {
	if kind, ok := manifest.KindOf(name); ok {
		return kind, nil
	}
	var names []string
	for _, k := range manifest.Kinds() {
		if strings.EqualFold(k.Name, name) {
			return manifest.Kind{}, fmt.Errorf("there is no kind %q; did you mean %q?", name, k.Name)
		}
		names = append(names, k.Name)
	}
	if name == "" {
		return manifest.Kind{}, fmt.Errorf("the kind is missing; there are %s", strings.Join(names, ", "))
	}
	return manifest.Kind{}, fmt.Errorf("there is no kind %q; there are %s", name, strings.Join(names, ", "))
}

// keyOf reads a reference in a field of a request.
func keyOf(field string, ref *weftv1.ResourceRef) (intent.Key, error) {
	if ref == nil {
		return intent.Key{}, badField(field, "is missing")
	}
	key, err := keyOfRef(ref)
	if err != nil {
		return intent.Key{}, badField(field, "%v", err)
	}
	return key, nil
}

// keysOf reads references in a repeated field of a request, and tells all that are wrong.
func keysOf(field string, refs []*weftv1.ResourceRef) ([]intent.Key, error) {
	keys := make([]intent.Key, 0, len(refs))
	wrong := &badRequest{}
	for i, ref := range refs {
		key, err := keyOfRef(ref)
		if err != nil {
			wrong.add(index(field, i), err.Error())
			continue
		}
		keys = append(keys, key)
	}
	return keys, wrong.err()
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
