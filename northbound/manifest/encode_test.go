package manifest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func sample() *weftv1.Resource {
	return &weftv1.Resource{Kind: "Port", Project: "red", Name: "vm1", Uid: "u-1", Revision: 17,
		Created: &timestamppb.Timestamp{Seconds: 1_800_000_000},
		Labels:  map[string]string{"b": "2", "a": "yes"},
		Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: "web", AdminStateUp: proto.Bool(false),
			FixedIps: []*weftv1.FixedIP{{Subnet: "web-v4", Ip: "10.0.0.11"}}}},
		Status: &weftv1.Status{Phase: weftv1.Status_PHASE_ACTIVE, Hosts: []string{"h1"},
			Details: &weftv1.Status_Port{Port: &weftv1.PortStatus{MacAddress: "fa:16:3e:00:00:01", Mtu: 1450}}}}
}

func TestWriteYAML(t *testing.T) {
	var b bytes.Buffer
	project := &weftv1.Resource{Name: "red", Spec: &weftv1.Resource_ProjectSpec{ProjectSpec: &weftv1.ProjectSpec{}}}
	if err := WriteYAML(&b, sample(), project); err != nil {
		t.Fatal(err)
	}
	want := `kind: Port
project: red
name: vm1
uid: u-1
labels:
  a: "yes"
  b: "2"
revision: 17
created: 2027-01-15T08:00:00Z
spec:
  network: web
  fixedIps:
    - subnet: web-v4
      ip: 10.0.0.11
  adminStateUp: false
status:
  phase: ACTIVE
  hosts:
    - h1
  port:
    macAddress: fa:16:3e:00:00:01
    mtu: 1450
---
kind: Project
name: red
spec: {}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Fatalf("want -, got +\n%s", diff)
	}
}

func TestWriteJSON(t *testing.T) {
	want := `{"kind":"Port","project":"red","name":"vm1","uid":"u-1","labels":{"a":"yes","b":"2"},"revision":17,` +
		`"created":"2027-01-15T08:00:00Z","spec":{"network":"web","fixedIps":[{"subnet":"web-v4","ip":"10.0.0.11"}],"adminStateUp":false},` +
		`"status":{"phase":"ACTIVE","hosts":["h1"],"port":{"macAddress":"fa:16:3e:00:00:01","mtu":1450}}}`
	if diff := cmp.Diff(want, string(JSONLine(sample()))); diff != "" {
		t.Fatalf("want -, got +\n%s", diff)
	}
}

// TestRoundTrip: what is written is read back equal, whatever the fields hold.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []*weftv1.Resource
		for range rapid.IntRange(1, 3).Draw(t, "resources") {
			in = append(in, draw(t))
		}
		for _, write := range []func(*bytes.Buffer) error{
			func(b *bytes.Buffer) error { return WriteYAML(b, in...) },
			func(b *bytes.Buffer) error { return WriteJSONList(b, in...) },
			func(b *bytes.Buffer) error {
				for _, r := range in {
					if err := WriteJSON(b, r); err != nil {
						return err
					}
				}
				return nil
			},
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			docs, err := Decode("f", strings.NewReader(b.String()), Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, b.String())
			}
			var out []*weftv1.Resource
			for _, d := range docs {
				out = append(out, d.Resource)
			}
			if diff := cmp.Diff(in, out, protocmp.Transform()); diff != "" {
				t.Fatalf("%s\n%s", diff, b.String())
			}
		}
	})
}

// draw makes a resource of any kind with anything in its fields.
func draw(t *rapid.T) *weftv1.Resource {
	kind := rapid.SampledFrom(Kinds()).Draw(t, "kind")
	r := &weftv1.Resource{}
	fill(t, r.ProtoReflect(), func(fd protoreflect.FieldDescriptor) bool { return fd.ContainingOneof() == nil })
	fill(t, kind.EmptySpec(r), all)
	r.Kind = kind.Name
	r.Name = rapid.StringMatching(`[a-z0-9.]{1,9}`).Draw(t, "name")
	r.Project = ""
	if !kind.Global {
		r.Project = rapid.StringMatching(`[a-z0-9.]{1,9}`).Draw(t, "project")
	}
	return r
}

func all(protoreflect.FieldDescriptor) bool { return true }

// fill sets some of the fields that are wanted.
func fill(t *rapid.T, msg protoreflect.Message, want func(protoreflect.FieldDescriptor) bool) {
	if ts, ok := msg.Interface().(*timestamppb.Timestamp); ok {
		ts.Seconds = rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds")
		ts.Nanos = rapid.Int32Range(0, 999_999_999).Draw(t, "nanos")
		return
	}
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !want(fd) || !rapid.Bool().Draw(t, "set") {
			continue
		}
		switch {
		case fd.IsMap():
			m := msg.Mutable(fd).Map()
			for range rapid.IntRange(0, 3).Draw(t, "entries") {
				m.Set(drawValue(t, fd.MapKey()).MapKey(), drawValue(t, fd.MapValue()))
			}
		case fd.IsList():
			l := msg.Mutable(fd).List()
			for range rapid.IntRange(0, 3).Draw(t, "items") {
				if fd.Message() != nil {
					fill(t, l.AppendMutable().Message(), all)
				} else {
					l.Append(drawValue(t, fd))
				}
			}
		case fd.Message() != nil:
			fill(t, msg.Mutable(fd).Message(), all)
		default:
			msg.Set(fd, drawValue(t, fd))
		}
	}
}

func drawValue(t *rapid.T, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "yes", "null", "~", "1", "0x1", "1e3", "a: b", "- a", "#x", " a ", "a\nb",
			"a\n\n", "\ta", "<<", "=", "2026-01-01", "---", "...", "\u2028", "\ufeff", "\u0085", "\x00", "'", `"`, `\`, "!x", "&a", "*a", "😀", "1_000", ".inf"}))
		return protoreflect.ValueOfString(strings.ToValidUTF8(s.Draw(t, "string"), "?"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(rapid.Uint32().Draw(t, "uint32"))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(rapid.Uint64().Draw(t, "uint64"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		return protoreflect.ValueOfEnum(values.Get(rapid.IntRange(0, values.Len()-1).Draw(t, "enum")).Number())
	}
	t.Fatalf("no generator for %s", fd.FullName())
	return protoreflect.Value{}
}
