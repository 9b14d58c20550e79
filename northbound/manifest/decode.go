package manifest

import (
	"fmt"
	"io"
	"slices"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// MaxBytes bounds one input.
const MaxBytes = 16 << 20

// maxAliased bounds how many nodes are visited inside aliases, so that a few lines cannot expand to gigabytes.
const maxAliased = 100_000

// Options tell Decode what a document may leave out.
type Options struct {
	// Project of documents that name none; empty: they have to.
	Project string
}

// Decode reads every resource of the input. The error is Errors when the input is at fault, and then no document is
// returned; it is r's error otherwise. The file name serves in messages only.
func Decode(file string, r io.Reader, opt Options) ([]*Document, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	d := &decoder{file: file, opt: opt}
	if len(data) > MaxBytes {
		d.fail(0, "", "is larger than %d MiB", MaxBytes>>20)
		return nil, d.errs
	}
	d.input(data)
	if len(d.errs) > 0 {
		return nil, d.errs
	}
	return d.docs, nil
}

// Duplicates reports documents that name a resource which an earlier one names too.
func Duplicates(docs []*Document) error {
	var errs Errors
	seen := make(map[string]*Document, len(docs))
	for _, d := range docs {
		key := d.Key()
		if before, ok := seen[key]; ok {
			errs = append(errs, &Error{File: d.File, Line: d.first, Resource: key,
				Message: fmt.Sprintf("is given twice, before at %s:%d", before.File, before.first)})
			continue
		}
		seen[key] = d
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// decoder walks one input.
type decoder struct {
	file    string
	opt     Options
	docs    []*Document
	errs    Errors
	doc     *Document // being read
	name    string    // its Key as far as known
	aliased int       // nodes visited inside aliases
	inside  int       // aliases being visited
	bomb    bool      // aliases expanded to too much, and it was said
}

// fail records a mistake.
func (d *decoder) fail(line int, field, format string, args ...any) {
	switch {
	case len(d.errs) == MaxErrors:
		d.errs = append(d.errs, &Error{File: d.file, Message: fmt.Sprintf("more than %d mistakes; the others are not shown", MaxErrors)})
	case len(d.errs) < MaxErrors:
		d.errs = append(d.errs, &Error{File: d.file, Line: line, Resource: d.name, Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

// document reads the top of a YAML document: a resource, a list of resources, or nothing.
func (d *decoder) document(n *yaml.Node) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			d.document(c)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			if c.Kind == yaml.SequenceNode {
				d.fail(c.Line, "", "a list inside a list; a resource has kind, project, name and spec")
				continue
			}
			d.document(c)
		}
	case yaml.MappingNode:
		d.resource(n)
	case yaml.AliasNode:
		d.fail(n.Line, "", "a whole resource cannot be an alias")
	default:
		if n.Tag != "!!null" {
			d.fail(n.Line, "", "expected a resource with kind, project, name and spec, not %s", describe(n))
		}
	}
}

// top are the fields of a resource, in the order in which they are written.
func top() []string {
	return []string{"kind", "project", "name", "uid", "description", "labels", "revision", "created", "updated", "spec", "status"}
}

// resource reads one resource.
func (d *decoder) resource(n *yaml.Node) {
	d.doc = &Document{Resource: &weftv1.Resource{}, File: d.file, first: n.Line, lines: map[string]int{}}
	d.name = ""
	kind, ok := d.head(n)
	if !ok {
		d.doc = nil
		return
	}
	spec := kind.EmptySpec(d.doc.Resource)
	msg := d.doc.Resource.ProtoReflect()
	d.fields(n, "", func(key string, at *yaml.Node, value *yaml.Node) {
		switch {
		case key == "spec":
			d.message(spec, value, "spec")
		case slices.Contains(top(), key):
			d.field(msg, msg.Descriptor().Fields().ByJSONName(key), value, key)
		case spec.Descriptor().Fields().ByJSONName(key) != nil:
			d.fail(at.Line, at.Value, "belongs under spec")
		default:
			d.fail(at.Line, short(at.Value), "unknown field%s", orList(at.Value, top()))
		}
	})
	if d.doc.Resource.Project == "" && !kind.Global {
		d.doc.Resource.Project = d.opt.Project
	}
	d.docs = append(d.docs, d.doc)
	d.doc, d.name = nil, ""
}

// head reads what names the resource, so that messages about the rest can name it.
func (d *decoder) head(n *yaml.Node) (Kind, bool) {
	get := func(key string) (string, int) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if v := n.Content[i+1]; n.Content[i].Value == key && v.Kind == yaml.ScalarNode && v.Tag != "!!null" {
				return v.Value, v.Line
			}
		}
		return "", n.Line
	}
	kindName, line := get("kind")
	project, projectLine := get("project")
	name, _ := get("name")
	if kindName == "" {
		d.fail(line, "", "kind is missing%s", orList("", kindNames()))
		return Kind{}, false
	}
	kind, ok := KindOf(kindName)
	if !ok {
		d.fail(line, "kind", "there is no kind %q%s", short(kindName), orList(kindName, kindNames()))
		return Kind{}, false
	}
	d.doc.Resource.Kind = kind.Name
	if project == "" && !kind.Global {
		project = d.opt.Project
	}
	d.name = Key(kind.Name, short(project), short(name))
	switch {
	case name == "":
		d.name = ""
		d.fail(n.Line, "", "%s without a name", kind.Name)
	case kind.Global && project != "":
		d.fail(projectLine, "project", "a %s belongs to no project", kind.Name)
	case !kind.Global && project == "":
		d.fail(n.Line, "", "project is missing; a %s belongs to one", kind.Name)
	}
	return kind, true
}

func kindNames() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Name)
	}
	return out
}

// fields calls f for every field of a mapping, with its name in camelCase, once its name is known to be good and new.
func (d *decoder) fields(n *yaml.Node, path string, f func(key string, at, value *yaml.Node)) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		at, value := n.Content[i], n.Content[i+1]
		if at.Kind != yaml.ScalarNode {
			d.fail(at.Line, path, "a field's name must be a word, not %s", describe(at))
			continue
		}
		if at.Tag == "!!merge" {
			d.fail(at.Line, path, "merge keys (<<) are not supported; write the fields out")
			continue
		}
		key := camel(at.Value)
		if before, ok := seen[key]; ok {
			d.fail(at.Line, join(path, short(key)), "is given twice, before in line %d", before)
			continue
		}
		seen[key] = at.Line
		d.note(join(path, key), at.Line)
		f(key, at, value)
	}
}

// note remembers where a field stands. What an alias repeats stands where the alias does.
func (d *decoder) note(path string, line int) {
	if d.inside == 0 {
		d.doc.lines[path] = line
	}
}

// message reads a mapping into msg.
func (d *decoder) message(msg protoreflect.Message, n *yaml.Node, path string) {
	n, leave := d.enter(n)
	defer leave()
	switch {
	case n.Kind == yaml.MappingNode:
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return
	default:
		d.fail(n.Line, path, "must be a mapping of fields, not %s", describe(n))
		return
	}
	fds := msg.Descriptor().Fields()
	d.fields(n, path, func(key string, at, value *yaml.Node) {
		fd := fds.ByJSONName(key)
		if fd == nil {
			d.unknown(msg.Descriptor(), at, path)
			return
		}
		if one := fd.ContainingOneof(); one != nil && !one.IsSynthetic() {
			if set := msg.WhichOneof(one); set != nil {
				d.fail(at.Line, join(path, key), "excludes %s, which is given too", set.JSONName())
				return
			}
		}
		d.field(msg, fd, value, join(path, key))
	})
}

// unknown reports a field that md does not have.
func (d *decoder) unknown(md protoreflect.MessageDescriptor, at *yaml.Node, path string) {
	var names []string
	for i := range md.Fields().Len() {
		names = append(names, md.Fields().Get(i).JSONName())
	}
	if path == "spec" && slices.Contains(top(), at.Value) {
		d.fail(at.Line, join(path, at.Value), "belongs at the top, beside kind")
		return
	}
	d.fail(at.Line, join(path, short(at.Value)), "unknown field%s", orList(at.Value, names))
}

// enter follows an alias, at a cost: the returned function ends the visit.
func (d *decoder) enter(n *yaml.Node) (*yaml.Node, func()) {
	if d.inside > 0 {
		d.aliased++
	}
	if n.Kind != yaml.AliasNode || n.Alias == nil {
		return n, func() {}
	}
	if d.aliased++; d.aliased > maxAliased {
		if !d.bomb {
			d.fail(n.Line, "", "aliases expand to more than %d values", maxAliased)
		}
		d.bomb = true
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line}, func() {}
	}
	d.inside++
	return n.Alias, func() { d.inside-- }
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
