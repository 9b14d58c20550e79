package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What an error means, for errors.Is.
var (
	// ErrInvalid: the request is at fault; Violations names the fields.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: what was named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrPrecondition: a revision differs from the expected one, or the resource is in use; Violations names it.
	ErrPrecondition = errors.New("precondition failed")
	// ErrExhausted: a pool, a limit or a message size is exceeded.
	ErrExhausted = errors.New("exhausted")
	// ErrUnavailable: the server, or its store, cannot be reached now. Trying again later may help.
	ErrUnavailable = errors.New("unavailable")
	// ErrDenied: the server does not let this client do that.
	ErrDenied = errors.New("denied")
	// ErrCompacted: the store no longer knows the revision asked for.
	ErrCompacted = errors.New("compacted")
)

// Error is a call that failed. Its text is a sentence for people.
type Error struct {
	// Code is gRPC's.
	Code codes.Code
	// Message is the sentence.
	Message string
	// Violations are the fields or resources at fault.
	Violations []Violation
	// Total is how many there are: a status has room for the first ones only, and its message counts the others.
	Total int
	// Reason is google.rpc.ErrorInfo's, where the server gives one: "COMPACTED".
	Reason string

	unreachable bool
	cause       error
}

// Error is the sentence.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.cause }

// Unreachable says that no server answered, as opposed to one that answered with an error.
func (e *Error) Unreachable() bool { return e.unreachable }

// Is tells which of the package's sentinels the error is.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrInvalid:
		return e.Code == codes.InvalidArgument
	case ErrNotFound:
		return e.Code == codes.NotFound
	case ErrPrecondition:
		return e.Code == codes.FailedPrecondition || e.Code == codes.Aborted || e.Code == codes.AlreadyExists
	case ErrExhausted:
		return e.Code == codes.ResourceExhausted
	case ErrUnavailable:
		return e.Code == codes.Unavailable
	case ErrDenied:
		return e.Code == codes.PermissionDenied || e.Code == codes.Unauthenticated
	case ErrCompacted:
		return e.Reason == "COMPACTED"
	}
	return false
}

// Violation is one field or resource at fault.
type Violation struct {
	// Resource is its name: "port/red/vm9"; empty: the request as a whole.
	Resource string
	// Field is the path inside the resource: "spec.fixedIps[0].ip"; empty: the resource as a whole.
	Field string
	// Message is what is wrong.
	Message string
	// Type is that of a violated precondition: "IN_USE", "REVISION"; empty: the field is wrong.
	Type string
}

// String is the violation as a sentence.
func (v Violation) String() string {
	if v.Resource != "" && strings.HasPrefix(v.Message, v.Resource) {
		return v.Message // which names the resource itself
	}
	var parts []string
	for _, part := range []string{v.Resource, v.Field, v.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Violations returns the fields and resources that an error names; nil if it names none.
func Violations(err error) []Violation {
	var e *Error
	if errors.As(err, &e) {
		return e.Violations
	}
	return nil
}

// wrap turns what gRPC returns into an *Error. nil, io.EOF and errors that no call made stay.
func (c *Client) wrap(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	e := &Error{Code: st.Code(), Message: st.Message()}
	for _, detail := range st.Details() {
		e.add(detail)
	}
	e.Total = len(e.Violations)
	if m := regexp.MustCompile(`\(and (\d+) more\)$`).FindStringSubmatch(e.Message); m != nil && e.Total > 0 {
		if more, err := strconv.Atoi(m[1]); err == nil {
			e.Total = max(e.Total, more+1) // the message tells the first
		}
	}
	c.word(e)
	return e
}

// add takes what a detail of the status says.
func (e *Error) add(detail any) {
	switch d := detail.(type) {
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			resource, field, ok := strings.Cut(v.GetField(), ": ")
			if !ok && !strings.Contains(resource, "/") {
				resource, field = "", resource
			}
			e.Violations = append(e.Violations, Violation{Resource: resource, Field: field, Message: v.GetDescription()})
		}
	case *errdetails.PreconditionFailure:
		for _, v := range d.GetViolations() {
			e.Violations = append(e.Violations, Violation{Resource: v.GetSubject(), Message: v.GetDescription(), Type: v.GetType()})
		}
	case *errdetails.ErrorInfo:
		e.Reason = d.GetReason()
	}
}

// transport matches what gRPC's client itself says of a connection that broke or never was.
const transport = `connection error|error reading from server|transport is closing|connection is closing|closing transport|` +
	`no connection established|keepalive|GOAWAY|name resolver|EOF`

// word puts what gRPC itself says into words for people. The server's own messages stay.
func (c *Client) word(e *Error) {
	switch e.Code {
	case codes.Unavailable:
		if regexp.MustCompile(transport).MatchString(e.Message) {
			*e = *c.unreachable(nil)
		}
	case codes.DeadlineExceeded:
		e.Message = fmt.Sprintf("weftd at %s did not answer in time", c.address)
		e.cause = context.DeadlineExceeded
	case codes.Canceled:
		e.Message = "interrupted"
		e.cause = context.Canceled
	case codes.Unimplemented:
		e.Message = fmt.Sprintf("weftd at %s does not know this call; is it older than this client, or no weftd at all?", c.address)
	case codes.ResourceExhausted:
		if m := regexp.MustCompile(`message larger than max \((\d+) vs\. (\d+)\)`).FindStringSubmatch(e.Message); m != nil {
			e.Message = fmt.Sprintf("the message is too large: %s bytes, and at most %s are taken; split it", m[1], m[2])
		}
	}
}

// unreachable says that no server answers.
func (c *Client) unreachable(ctxErr error) *Error {
	e := &Error{Code: codes.Unavailable, unreachable: true, cause: c.why.get()}
	why := "the connection broke"
	switch cause := e.cause; {
	case ctxErr != nil && cause == nil:
		e.cause = ctxErr
		why = "no answer in time"
	case errors.Is(cause, syscall.ECONNREFUSED):
		why = "connection refused"
	case errors.Is(cause, os.ErrNotExist):
		why = "there is no such socket"
	case errors.Is(cause, os.ErrDeadlineExceeded) || errors.Is(cause, context.DeadlineExceeded):
		why = "no answer in time"
	case cause != nil:
		why = strings.TrimPrefix(cause.Error(), "dial ")
	}
	e.Message = fmt.Sprintf("cannot reach weftd at %s: %s", c.address, why)
	return e
}
