package manifest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Kind is a kind of resource as the API defines it.
type Kind struct {
	// Name as in a manifest: "SegmentRange".
	Name string
	// Global kinds belong to no project.
	Global bool

	spec protoreflect.FieldDescriptor
}

// Plural is the name that stands for all resources of the kind on a command line: "segmentranges".
func (k Kind) Plural() string {
	s := strings.ToLower(k.Name)
	switch {
	case strings.HasSuffix(s, "y") && !strings.HasSuffix(s, "ay"):
		return s[:len(s)-1] + "ies"
	case strings.HasSuffix(s, "s"):
		return s + "es"
	}
	return s + "s"
}

// EmptySpec sets the kind's spec, with nothing in it, on r.
func (k Kind) EmptySpec(r *weftv1.Resource) protoreflect.Message {
	return r.ProtoReflect().Mutable(k.spec).Message()
}

// global says which kinds belong to no project. The descriptors do not tell.
func global(kind string) bool {
	switch kind {
	case "Project", "Host", "SegmentRange", "Link", "FlowRule":
		return true
	}
	return false
}

// Kinds lists all kinds in the API's order.
func Kinds() []Kind {
	fields := specOneof().Fields()
	kinds := make([]Kind, fields.Len())
	for i := range kinds {
		fd := fields.Get(i)
		name := strings.TrimSuffix(string(fd.Message().Name()), "Spec")
		kinds[i] = Kind{Name: name, Global: global(name), spec: fd}
	}
	return kinds
}

func specOneof() protoreflect.OneofDescriptor {
	return (&weftv1.Resource{}).ProtoReflect().Descriptor().Oneofs().ByName("spec")
}

// KindOf returns the kind of that exact name, as a manifest gives it.
func KindOf(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

// FindKind returns the kind that a person means on a command line: its name in any case, with or without '-' and '_',
// its plural, or a beginning of two letters or more that fits no other kind.
func FindKind(s string) (Kind, error) {
	want := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
	var begin []Kind
	for _, k := range Kinds() {
		lower := strings.ToLower(k.Name)
		if want == lower || want == k.Plural() {
			return k, nil
		}
		if len(want) >= 2 && strings.HasPrefix(k.Plural(), want) {
			begin = append(begin, k)
		}
	}
	switch len(begin) {
	case 1:
		return begin[0], nil
	case 0:
		return Kind{}, fmt.Errorf("there is no kind %q%s", s, orList(want, plurals(Kinds())))
	}
	return Kind{}, fmt.Errorf("%q may be short for %s", s, strings.Join(plurals(begin), " or "))
}

func plurals(kinds []Kind) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.Plural())
	}
	return out
}

// orList ends a sentence about an unknown word: with the one that was probably meant, or else with all there are.
func orList(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(known) == 0 || len(known) > 40 {
		return ""
	}
	sorted := slices.Clone(known)
	slices.Sort(sorted)
	return "; there are " + strings.Join(sorted, ", ")
}

// Key names a resource the way people write it: "port/red/vm1", "host/h1".
func Key(kind, project, name string) string {
	kind = strings.ToLower(kind)
	if project == "" {
		return kind + "/" + name
	}
	return kind + "/" + project + "/" + name
}

// KeyOf is the Key of a resource. A resource without a kind has that of its spec.
func KeyOf(r *weftv1.Resource) string {
	return Key(KindName(r), r.GetProject(), r.GetName())
}

// KindName is the kind of a resource, if need be by its spec.
func KindName(r *weftv1.Resource) string {
	if r.GetKind() != "" {
		return r.GetKind()
	}
	if fd := r.ProtoReflect().WhichOneof(specOneof()); fd != nil {
		return strings.TrimSuffix(string(fd.Message().Name()), "Spec")
	}
	return ""
}

// Ref names a resource in requests.
func Ref(r *weftv1.Resource) *weftv1.ResourceRef {
	return &weftv1.ResourceRef{Kind: KindName(r), Project: r.GetProject(), Name: r.GetName()}
}
