package manifest

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Full names of the well-known types that are written as one word.
const (
	timestampType = "google.protobuf.Timestamp"
	durationType  = "google.protobuf.Duration"
)

// field reads a value of any shape into field fd of msg. Null leaves it unset.
func (d *decoder) field(msg protoreflect.Message, fd protoreflect.FieldDescriptor, n *yaml.Node, path string) {
	target, leave := d.enter(n)
	defer leave()
	if target.Kind == yaml.ScalarNode && target.Tag == "!!null" {
		return
	}
	switch {
	case fd.IsMap():
		d.mapping(msg, fd, target, path)
	case fd.IsList():
		d.list(msg, fd, target, path)
	case fd.Message() != nil && !oneWord(fd):
		d.message(msg.Mutable(fd).Message(), target, path)
	default:
		if v, ok := d.scalar(fd, target, path); ok {
			msg.Set(fd, v)
		}
	}
}

// oneWord says that a message is written as a single word.
func oneWord(fd protoreflect.FieldDescriptor) bool {
	switch fd.Message().FullName() {
	case timestampType, durationType:
		return true
	}
	return false
}

func (d *decoder) list(msg protoreflect.Message, fd protoreflect.FieldDescriptor, n *yaml.Node, path string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n.Line, path, "must be a list, not %s", describe(n))
		return
	}
	list := msg.Mutable(fd).List()
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.note(at, item.Line)
		if fd.Message() != nil && !oneWord(fd) {
			d.message(list.AppendMutable().Message(), item, at)
			continue
		}
		item, leave := d.enter(item)
		if v, ok := d.scalar(fd, item, at); ok {
			list.Append(v)
		}
		leave()
	}
}

func (d *decoder) mapping(msg protoreflect.Message, fd protoreflect.FieldDescriptor, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		d.fail(n.Line, path, "must be a mapping, not %s", describe(n))
		return
	}
	m := msg.Mutable(fd).Map()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.fail(key.Line, path, "a key must be a word, not %s", describe(key))
			continue
		}
		at := path + "[" + short(key.Value) + "]"
		d.note(path+"["+key.Value+"]", key.Line)
		k, ok := d.scalar(fd.MapKey(), quoted(key), at)
		if !ok {
			continue
		}
		if m.Has(k.MapKey()) {
			d.fail(key.Line, at, "is given twice")
			continue
		}
		if fd.MapValue().Message() != nil && !oneWord(fd.MapValue()) {
			d.message(m.Mutable(k.MapKey()).Message(), value, at)
			continue
		}
		value, leave := d.enter(value)
		if v, ok := d.scalar(fd.MapValue(), value, at); ok {
			m.Set(k.MapKey(), v)
		}
		leave()
	}
}

// quoted lets a map's key be what it looks like: `1: x` has the key "1".
func quoted(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: n.Kind, Tag: "!!str", Value: n.Value, Line: n.Line}
}

// scalar reads one word.
func (d *decoder) scalar(fd protoreflect.FieldDescriptor, n *yaml.Node, path string) (protoreflect.Value, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n.Line, path, "must be %s, not %s", wanted(fd), describe(n))
		return protoreflect.Value{}, false
	}
	v, problem := parse(fd, n)
	if problem != "" {
		d.fail(n.Line, path, "%s", problem)
		return protoreflect.Value{}, false
	}
	return v, true
}

// parse turns a word into fd's type, or says what is wrong with it.
func parse(fd protoreflect.FieldDescriptor, n *yaml.Node) (protoreflect.Value, string) {
	bad := fmt.Sprintf("must be %s, not %s", wanted(fd), describe(n))
	isInt := n.Tag == "!!int"
	switch fd.Kind() {
	case protoreflect.StringKind:
		return parseString(n, bad)
	case protoreflect.BoolKind:
		if n.Tag == "!!bool" {
			return protoreflect.ValueOfBool(strings.EqualFold(n.Value, "true")), ""
		}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return parseUint(n, bad, math.MaxUint32, func(v uint64) protoreflect.Value { return protoreflect.ValueOfUint32(uint32(v)) }, isInt)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return parseUint(n, bad, math.MaxUint64, protoreflect.ValueOfUint64, isInt || n.Tag == "!!str")
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		if v, err := strconv.ParseInt(digits(n), 0, 32); isInt && err == nil {
			return protoreflect.ValueOfInt32(int32(v)), ""
		}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		if v, err := strconv.ParseInt(digits(n), 0, 64); (isInt || n.Tag == "!!str") && err == nil {
			return protoreflect.ValueOfInt64(v), ""
		}
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		if v, err := strconv.ParseFloat(n.Value, 64); (isInt || n.Tag == "!!float") && err == nil {
			if fd.Kind() == protoreflect.FloatKind {
				return protoreflect.ValueOfFloat32(float32(v)), ""
			}
			return protoreflect.ValueOfFloat64(v), ""
		}
	case protoreflect.BytesKind:
		if b, err := base64.StdEncoding.DecodeString(n.Value); err == nil {
			return protoreflect.ValueOfBytes(b), ""
		}
	case protoreflect.EnumKind:
		return parseEnum(fd.Enum(), n)
	case protoreflect.MessageKind:
		return parseTime(fd, n, bad)
	}
	return protoreflect.Value{}, bad
}

func parseString(n *yaml.Node, bad string) (protoreflect.Value, string) {
	switch {
	case n.Tag != "!!str" && n.Tag != "!!timestamp":
		return protoreflect.Value{}, bad + fmt.Sprintf("; write it in quotes: %q", short(n.Value))
	case !utf8.ValidString(n.Value):
		return protoreflect.Value{}, "is not valid UTF-8"
	}
	return protoreflect.ValueOfString(n.Value), ""
}

func parseUint(n *yaml.Node, bad string, most uint64, make func(uint64) protoreflect.Value, typed bool) (protoreflect.Value, string) {
	if !typed {
		return protoreflect.Value{}, bad
	}
	v, err := strconv.ParseUint(digits(n), 0, 64)
	if err != nil || v > most {
		return protoreflect.Value{}, fmt.Sprintf("must be a number from 0 to %d, not %s", most, short(n.Value))
	}
	return make(v), ""
}

// digits is a number's text without a plus sign.
func digits(n *yaml.Node) string { return strings.TrimPrefix(n.Value, "+") }

// parseEnum takes a value's name with or without the prefix that protobuf wants.
func parseEnum(ed protoreflect.EnumDescriptor, n *yaml.Node) (protoreflect.Value, string) {
	var names []string
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		if n.Value == string(v.Name()) || n.Value == enumWord(v) {
			return protoreflect.ValueOfEnum(v.Number()), ""
		}
		names = append(names, enumWord(v))
	}
	if v, err := strconv.ParseInt(n.Value, 10, 32); err == nil && n.Tag == "!!int" {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(v)), ""
	}
	return protoreflect.Value{}, fmt.Sprintf("must be one of %s, not %s", strings.Join(names, ", "), describe(n))
}

// enumWord is the name of a value without the type's: PHASE_ACTIVE → ACTIVE.
func enumWord(v protoreflect.EnumValueDescriptor) string {
	var prefix strings.Builder
	for i, r := range string(v.Parent().Name()) {
		if i > 0 && r >= 'A' && r <= 'Z' {
			prefix.WriteByte('_')
		}
		prefix.WriteRune(r)
	}
	return strings.TrimPrefix(string(v.Name()), strings.ToUpper(prefix.String())+"_")
}

func parseTime(fd protoreflect.FieldDescriptor, n *yaml.Node, bad string) (protoreflect.Value, string) {
	if fd.Message().FullName() == timestampType {
		t, err := time.Parse(time.RFC3339Nano, n.Value)
		if err != nil {
			return protoreflect.Value{}, bad
		}
		return protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect()), ""
	}
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return protoreflect.Value{}, bad
	}
	return protoreflect.ValueOfMessage(durationpb.New(v).ProtoReflect()), ""
}

// wanted says what a field takes.
func wanted(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.BytesKind:
		return "bytes in base64"
	case protoreflect.EnumKind:
		return "a word"
	case protoreflect.MessageKind:
		if fd.Message().FullName() == timestampType {
			return "a time such as 2026-01-31T12:00:00Z"
		}
		return "a duration such as 1m30s"
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return "a number"
	}
	return "a whole number"
}

// describe says what a node is.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + short(n.Value)
	case "!!bool":
		return short(n.Value)
	}
	return fmt.Sprintf("%q", short(n.Value))
}

// short makes a text of the input fit for a message on a terminal: not too long, and nothing but what can be seen.
func short(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}
