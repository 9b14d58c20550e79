// Package manifest turns the files a user writes into resources of the API, and resources back into such files.
//
// A manifest is YAML or JSON: one resource a document, any number of documents (YAML's "---", JSON values one after
// another) or lists of resources. The form is the API's own, driven by the protobuf descriptors, so a new kind or field
// needs nothing here:
//
//	kind: Port            # the kind decides what spec may hold
//	project: red
//	name: vm1
//	labels: {tier: front}
//	spec: {network: web, fixedIps: [{subnet: web-v4, ip: 10.0.0.11}]}
//	status: …             # written by Encode; ignored by the server
//
// Field names are camelCase or snake_case. Enum values are written without their prefix (ACTIVE), 64-bit numbers as plain
// numbers, times in RFC 3339.
//
// Main path: Decode parses the input to a tree of nodes that know their lines, walks the tree and the descriptor of the
// kind side by side, and returns Documents. Every mistake is an *Error that names file, line, resource and field; all of
// them are reported, not just the first. A Document remembers the line of each field, so that what the server finds wrong
// later can be shown at its line too (Document.Line).
//
// Input is bounded: MaxBytes a file, MaxErrors reported, and what aliases expand to. The package starts no goroutine and
// has no state.
package manifest
