package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
)

// errSaid ends a command whose output has told already what is wrong.
var errSaid = errors.New("said already")

// usageError is a mistake in the arguments.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return usageError{fmt.Sprintf(format, args...)}
}

// fail tells what went wrong and returns the exit status for it.
func (a *app) fail(err error) int {
	var usage usageError
	var refused *client.Error
	var exit exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage) || !a.started:
		fmt.Fprintf(a.err, "weft: %s\nRun \"weft --help\" or \"weft COMMAND --help\" for usage.\n", oneLine(err))
		return exitUsage
	case errors.As(err, &refused):
		return a.refused(refused)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "weft: interrupted")
	case manifestErrors(err) != nil:
		a.mistakes(manifestErrors(err), nil)
	default:
		fmt.Fprintf(a.err, "weft: %v\n", err)
	}
	return exitFailed
}

// oneLine is a usage error with cobra's suggestions, which it gives one a line, in the same sentence.
func oneLine(err error) string {
	message, rest, _ := strings.Cut(err.Error(), "\n")
	if words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(rest), "Did you mean this?")); len(words) > 0 {
		message += "; did you mean " + strings.Join(words, " or ") + "?"
	}
	return message
}

// refused tells an error of the server, or that there is none.
func (a *app) refused(err *client.Error) int {
	if err.Unreachable() {
		fmt.Fprintf(a.err, "weft: %s\nIs weftd running there? Start it with \"weftd\", or say where it is with --server or WEFT_SERVER%s.\n", err.Message, a.tlsHint())
		return exitUnreachable
	}
	if len(err.Violations) == 0 {
		fmt.Fprintf(a.err, "weft: %s\n", err.Message)
		return exitFailed
	}
	for _, v := range err.Violations {
		fmt.Fprintln(a.err, v)
	}
	return exitFailed
}

// tlsHint reminds of TLS where it is not used.
func (a *app) tlsHint() string {
	if a.conf.CAFile == "" && a.conf.CertFile == "" {
		return "; where it asks for TLS, give --tls-ca, --tls-cert and --tls-key"
	}
	return ""
}

func manifestErrors(err error) manifest.Errors {
	var errs manifest.Errors
	errors.As(err, &errs)
	return errs
}

// mistakes tells what is wrong in manifests: what was found here, and what the server found.
func (a *app) mistakes(errs manifest.Errors, unplaced []client.Violation) {
	for _, e := range errs {
		fmt.Fprintln(a.err, e)
	}
	for _, v := range unplaced {
		fmt.Fprintln(a.err, v)
	}
}

// place finds the line of each violation in the documents; those of resources that no document has are returned as they are.
func place(docs []*manifest.Document, violations []client.Violation) (manifest.Errors, []client.Violation) {
	byKey := make(map[string]*manifest.Document, len(docs))
	for _, d := range docs {
		byKey[d.Key()] = d
	}
	var placed manifest.Errors
	var rest []client.Violation
	for _, v := range violations {
		d, ok := byKey[v.Resource]
		if !ok {
			rest = append(rest, v)
			continue
		}
		e := &manifest.Error{File: d.File, Line: d.Line(v.Field), Resource: v.Resource, Field: v.Field, Message: v.Message}
		if v.Field == "" && strings.HasPrefix(v.Message, v.Resource) {
			e.Resource = "" // the message names it itself
		}
		placed = append(placed, e)
	}
	return placed, rest
}

// count is "1 error", "2 errors".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
