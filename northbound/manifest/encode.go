package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// WriteYAML writes resources as YAML documents, in the form that Decode reads.
func WriteYAML(w io.Writer, resources ...*weftv1.Resource) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	for _, r := range resources {
		if err := enc.Encode(tree(r)); err != nil {
			return fmt.Errorf("writing %s: %w", KeyOf(r), err)
		}
	}
	return enc.Close()
}

// WriteJSON writes one resource as a JSON object over several lines, in the form that Decode reads.
func WriteJSON(w io.Writer, r *weftv1.Resource) error {
	return writeJSON(w, tree(r))
}

// WriteJSONList writes resources as a JSON array.
func WriteJSONList(w io.Writer, resources ...*weftv1.Resource) error {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range resources {
		list.Content = append(list.Content, tree(r))
	}
	return writeJSON(w, list)
}

// JSONLine is the resource as JSON in a single line.
func JSONLine(r *weftv1.Resource) json.RawMessage {
	return appendJSON(nil, tree(r))
}

func writeJSON(w io.Writer, n *yaml.Node) error {
	var b bytes.Buffer
	if err := json.Indent(&b, appendJSON(nil, n), "", "  "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

// tree turns a resource into the nodes of its manifest.
func tree(r *weftv1.Resource) *yaml.Node {
	msg := r.ProtoReflect()
	fields := msg.Descriptor().Fields()
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range top() {
		switch name {
		case "kind":
			put(out, name, word(KindName(r)))
		case "spec":
			if fd := msg.WhichOneof(specOneof()); fd != nil {
				put(out, name, messageTree(msg.Get(fd).Message()))
			}
		default:
			if fd := fields.ByJSONName(name); msg.Has(fd) {
				put(out, name, fieldTree(fd, msg.Get(fd)))
			}
		}
	}
	return out
}

func put(mapping *yaml.Node, key string, value *yaml.Node) {
	mapping.Content = append(mapping.Content, word(key), value)
}

func messageTree(msg protoreflect.Message) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); msg.Has(fd) {
			put(out, fd.JSONName(), fieldTree(fd, msg.Get(fd)))
		}
	}
	if len(out.Content) == 0 {
		out.Style = yaml.FlowStyle // {}
	}
	return out
}

func fieldTree(fd protoreflect.FieldDescriptor, v protoreflect.Value) *yaml.Node {
	switch {
	case fd.IsMap():
		out := &yaml.Node{Kind: yaml.MappingNode}
		var keys []protoreflect.MapKey
		v.Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
			keys = append(keys, k)
			return true
		})
		slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			put(out, k.String(), valueTree(fd.MapValue(), v.Map().Get(k)))
		}
		return out
	case fd.IsList():
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.List().Len() {
			out.Content = append(out.Content, valueTree(fd, v.List().Get(i)))
		}
		return out
	}
	return valueTree(fd, v)
}

func valueTree(fd protoreflect.FieldDescriptor, v protoreflect.Value) *yaml.Node {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return word(v.String())
	case protoreflect.BoolKind:
		return plain("!!bool", strconv.FormatBool(v.Bool()))
	case protoreflect.BytesKind:
		return word(base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.EnumKind:
		if ev := fd.Enum().Values().ByNumber(v.Enum()); ev != nil {
			return word(enumWord(ev))
		}
		return plain("!!int", strconv.Itoa(int(v.Enum())))
	case protoreflect.MessageKind:
		switch m := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return plain("!!timestamp", m.AsTime().Format(time.RFC3339Nano))
		case *durationpb.Duration:
			return word(m.AsDuration().String())
		}
		return messageTree(v.Message())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return plain("!!float", strconv.FormatFloat(v.Float(), 'g', -1, 64))
	}
	return plain("!!int", v.String())
}

func plain(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// word is a string's node. What is not plain printable text, and what some YAML parser takes for a truth value or a merge
// key, is written in double quotes. The encoder itself quotes what looks like a number, a time or a sign of YAML.
func word(s string) *yaml.Node {
	n := plain("!!str", s)
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "<<", "=":
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			n.Style = yaml.DoubleQuotedStyle
		}
	}
	return n
}

// appendJSON writes a tree as JSON.
func appendJSON(b []byte, n *yaml.Node) []byte {
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i := 0; i+1 < len(n.Content); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, n.Content[i])
			b = append(b, ':')
			b = appendJSON(b, n.Content[i+1])
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, c := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, c)
		}
		return append(b, ']')
	}
	if n.Tag == "!!str" || n.Tag == "!!timestamp" {
		return appendString(b, n.Value)
	}
	return append(b, n.Value...)
}

// appendString quotes for JSON, leaving <, > and & as they are.
func appendString(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return append(b, `""`...) // a string always encodes
	}
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}
