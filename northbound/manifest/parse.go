package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// input parses the whole input and reads every document of it.
func (d *decoder) input(data []byte) {
	if values := jsonValues(data); values != nil {
		for _, v := range values {
			if !d.yaml(v.data, v.line-1) {
				return
			}
		}
		return
	}
	d.yaml(data, 0)
}

// jsonValue is one of several JSON values in a row, which YAML would not take without "---" between them.
type jsonValue struct {
	data []byte
	line int
}

// jsonValues splits the input when all of it is JSON; nil otherwise, and then YAML's parser has the word.
func jsonValues(data []byte) []jsonValue {
	head := bytes.TrimLeft(data, " \t\r\n")
	if len(head) == 0 || head[0] != '{' && head[0] != '[' {
		return nil
	}
	var out []jsonValue
	dec := json.NewDecoder(bytes.NewReader(data))
	line, counted := 1, 0
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			return nil
		}
		start := int(dec.InputOffset()) - len(raw)
		line += bytes.Count(data[counted:start], []byte("\n"))
		counted = start
		out = append(out, jsonValue{unescape(raw), line})
	}
}

// unescape makes a JSON value fit for the YAML parser: the escapes that it does not know, "\/" and surrogate pairs
// ("\ud83d\ude00"), become the character they stand for, and the characters that it does not take become escapes.
func unescape(raw []byte) []byte {
	foreign := regexp.MustCompile(`\\(?:[\\/]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|[\x7f-\x{9f}\x{feff}\x{fffe}\x{ffff}]`)
	return foreign.ReplaceAllFunc(raw, func(b []byte) []byte {
		if b[0] != '\\' {
			r, _ := utf8.DecodeRune(b)
			return fmt.Appendf(nil, `\u%04x`, r)
		}
		var s string
		if b[1] == '\\' || json.Unmarshal([]byte(`"`+string(b)+`"`), &s) != nil {
			return b
		}
		return []byte(s)
	})
}

// yaml parses documents, whose lines count from offset. It reports false when the parser gave up.
func (d *decoder) yaml(data []byte, offset int) (ok bool) {
	// The parser is not ours, and what it reads is anybody's: whatever it trips over is a mistake of the input.
	defer func() {
		if p := recover(); p != nil {
			d.doc, d.name = nil, ""
			d.fail(0, "", "is not valid YAML: %v", p)
			ok = false
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return true
		} else if err != nil {
			d.syntax(data, err, offset)
			return false
		}
		shift(&n, offset)
		d.document(&n)
	}
}

// shift moves a tree to where it stands in the file.
func shift(n *yaml.Node, by int) {
	if by == 0 {
		return
	}
	n.Line += by
	for _, c := range n.Content {
		shift(c, by)
	}
}

// syntax reports what the parser says, in other words where those are better.
func (d *decoder) syntax(data []byte, err error, offset int) {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	if at, ok := tab(data); ok && strings.Contains(msg, "cannot start any token") {
		d.fail(at+offset, "", "is indented with a tab; YAML wants spaces")
		return
	}
	switch {
	case strings.Contains(msg, "mapping values are not allowed"):
		msg = "a second ':' in one line; is the indentation right, or are quotes missing?"
	case strings.Contains(msg, "UTF-8") || strings.Contains(msg, "control characters"):
		msg = "is not text in UTF-8"
	}
	if line > 0 {
		line += offset
	}
	d.doc, d.name = nil, ""
	d.fail(line, "", "%s", fmt.Sprintf("is not valid YAML: %s", msg))
}

// tab finds the first line indented with a tab.
func tab(data []byte) (line int, ok bool) {
	for i, l := range bytes.Split(data, []byte("\n")) {
		if indent := l[:len(l)-len(bytes.TrimLeft(l, " \t"))]; bytes.Contains(indent, []byte("\t")) {
			return i + 1, true
		}
	}
	return 0, false
}
