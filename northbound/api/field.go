package api

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weft-sdn/weft/controller/intent"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// condition is one field that must have a value: "spec.network=web".
type condition struct {
	paths  []*fieldPath // "spec." leads somewhere else in each kind; those that lead nowhere are left out
	status bool
}

// fieldPath leads to a value.
type fieldPath struct {
	steps []protoreflect.FieldDescriptor
	key   string // of the map where the path ends, if it does
	want  matcher
}

// matcher tells whether a value is the one wanted.
type matcher func(v protoreflect.Value) bool

// newCondition reads a condition on resources of some kinds; nil: all.
func newCondition(text string, kinds map[intent.Kind]struct{}) (*condition, error) {
	name, want, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return nil, fmt.Errorf("%q is no condition; write it as spec.network=web", text)
	}
	root := (&weftv1.Resource{}).ProtoReflect().Descriptor()
	first, rest, _ := strings.Cut(name, ".")
	c := &condition{status: first == "status"}
	if first != "spec" {
		p, err := newPath(root, name, want)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		c.paths = []*fieldPath{p}
		return c, nil
	}
	if rest == "" {
		return nil, fmt.Errorf("%q: name a field of it, such as spec.network", text)
	}
	var failed error
	for _, fd := range specs(root, kinds) {
		p, err := newPath(fd.Message(), rest, want)
		if err != nil {
			if !errors.Is(err, errNoField) {
				failed = err
			}
			continue
		}
		p.steps = append([]protoreflect.FieldDescriptor{fd}, p.steps...)
		c.paths = append(c.paths, p)
	}
	switch {
	case len(c.paths) > 0:
	case failed != nil:
		return nil, fmt.Errorf("%q: %w", text, failed)
	default:
		return nil, fmt.Errorf("%q: %w %q in the spec", text, errNoField, rest)
	}
	return c, nil
}

// specs are the fields that hold the specs of some kinds; nil: all.
func specs(root protoreflect.MessageDescriptor, kinds map[intent.Kind]struct{}) []protoreflect.FieldDescriptor {
	fields := root.Oneofs().ByName("spec").Fields()
	var out []protoreflect.FieldDescriptor
	for i := range fields.Len() {
		kind := intent.Kind(strings.TrimSuffix(string(fields.Get(i).Message().Name()), "Spec"))
		if _, wanted := kinds[kind]; wanted || kinds == nil {
			out = append(out, fields.Get(i))
		}
	}
	return out
}

// errNoField is a path that leads nowhere.
var errNoField = errors.New("there is no field")

func newPath(from protoreflect.MessageDescriptor, name, want string) (*fieldPath, error) {
	p := &fieldPath{}
	at := from
	for {
		step, rest, more := strings.Cut(name, ".")
		fd := fieldNamed(at, step)
		if fd == nil {
			return nil, fmt.Errorf("%w %q in %s", errNoField, step, at.Name())
		}
		p.steps = append(p.steps, fd)
		switch {
		case fd.IsMap() && more:
			p.key = rest
			var err error
			p.want, err = newMatcher(fd.MapValue(), want)
			return p, err
		case fd.IsMap():
			return nil, fmt.Errorf("%q needs a key: %s.KEY", step, step)
		case !more:
			var err error
			p.want, err = newMatcher(fd, want)
			return p, err
		case fd.Message() == nil:
			return nil, fmt.Errorf("%q has no fields", step)
		}
		at, name = fd.Message(), rest
	}
}

// fieldNamed finds a field by its name in YAML, "fixedIps", or in the API's definition, "fixed_ips".
func fieldNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if fd := m.Fields().ByJSONName(name); fd != nil {
		return fd
	}
	return m.Fields().ByName(protoreflect.Name(name))
}

// newMatcher reads the value wanted of a field.
func newMatcher(fd protoreflect.FieldDescriptor, want string) (matcher, error) {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return func(v protoreflect.Value) bool { return v.String() == want }, nil
	case protoreflect.BoolKind:
		b, err := strconv.ParseBool(want)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", want)
		}
		return func(v protoreflect.Value) bool { return v.Bool() == b }, nil
	case protoreflect.EnumKind:
		n, err := enumNumber(fd.Enum(), want)
		return func(v protoreflect.Value) bool { return v.Enum() == n }, err
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		n, err := strconv.ParseInt(want, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", want)
		}
		return func(v protoreflect.Value) bool { return v.Int() == n }, nil
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		n, err := strconv.ParseUint(want, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no whole number", want)
		}
		return func(v protoreflect.Value) bool { return v.Uint() == n }, nil
	case protoreflect.MessageKind:
		return timeMatcher(fd, want)
	}
	return nil, fmt.Errorf("%q cannot be compared", fd.JSONName())
}

// timeMatcher reads a moment; other messages have no value of their own.
func timeMatcher(fd protoreflect.FieldDescriptor, want string) (matcher, error) {
	if fd.Message().FullName() != (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName() {
		return nil, fmt.Errorf("%q has fields; name one of them", fd.JSONName())
	}
	t, err := time.Parse(time.RFC3339Nano, want)
	if err != nil {
		return nil, fmt.Errorf("%q is no time; write it as 2006-01-02T15:04:05Z", want)
	}
	return func(v protoreflect.Value) bool {
		ts, ok := v.Message().Interface().(*timestamppb.Timestamp)
		return ok && ts.AsTime().Equal(t)
	}, nil
}

// enumNumber finds a value by its name, "PHASE_ACTIVE", or by the part of it that people say, "ACTIVE", in any case.
func enumNumber(ed protoreflect.EnumDescriptor, want string) (protoreflect.EnumNumber, error) {
	prefix := strings.TrimSuffix(string(ed.Values().Get(0).Name()), "UNSPECIFIED")
	var names []string
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		short := strings.TrimPrefix(string(v.Name()), prefix)
		if strings.EqualFold(want, short) || strings.EqualFold(want, string(v.Name())) {
			return v.Number(), nil
		}
		names = append(names, short)
	}
	return 0, fmt.Errorf("%q is none of %s", want, list(names))
}

// holds tells whether a resource has the value.
func (c *condition) holds(res *weftv1.Resource) bool {
	for _, p := range c.paths {
		if p.holds(res.ProtoReflect(), p.steps) {
			return true
		}
	}
	return false
}

// holds follows the path. An element of a list suffices. What is not set has no value, except in a field that cannot tell
// (a number, a text), which has its zero then.
func (p *fieldPath) holds(m protoreflect.Message, steps []protoreflect.FieldDescriptor) bool {
	fd, rest := steps[0], steps[1:]
	switch {
	case fd.HasPresence() && !m.Has(fd):
		return false
	case fd.IsMap():
		v := m.Get(fd).Map().Get(protoreflect.ValueOfString(p.key).MapKey())
		return v.IsValid() && p.want(v)
	case fd.IsList():
		list := m.Get(fd).List()
		for i := range list.Len() {
			if p.reached(list.Get(i), rest) {
				return true
			}
		}
		return false
	}
	return p.reached(m.Get(fd), rest)
}

func (p *fieldPath) reached(v protoreflect.Value, rest []protoreflect.FieldDescriptor) bool {
	if len(rest) == 0 {
		return p.want(v)
	}
	return p.holds(v.Message(), rest)
}
