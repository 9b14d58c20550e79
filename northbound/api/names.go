package api

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// keyOf reads a reference in a field of a request.
func keyOf(field string, ref *weftv1.ResourceRef) (intent.Key, error) {
	if ref == nil {
		return intent.Key{}, badField(field, "is missing")
	}
	key, err := intent.KeyOfRef(ref)
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
		key, err := intent.KeyOfRef(ref)
		if err != nil {
			wrong.add(index(field, i), err.Error())
			continue
		}
		keys = append(keys, key)
	}
	return keys, wrong.err()
}

// checkKind says what is wrong with the name of a kind.
func checkKind(name string) error {
	if !slices.Contains(intent.Kinds(), intent.Kind(name)) {
		return fmt.Errorf("there is no kind %q; there are %s", name, list(intent.Kinds()))
	}
	return nil
}

// list writes a few names: "Host, Network and Port".
func list[S ~string](names []S) string {
	var out string
	for i, name := range names {
		switch {
		case i > 0 && i == len(names)-1:
			out += " and "
		case i > 0:
			out += ", "
		}
		out += string(name)
	}
	return out
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }
