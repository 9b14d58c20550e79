package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/store"
)

// domain is ErrorInfo's of all errors that are told by their reason.
const domain = "weft"

// retryAfter is when a caller may try again what failed for lack of the store.
const retryAfter = time.Second

// statusOf is an error as the API tells it.
func statusOf(err error) *status.Status {
	var invalid *intent.InvalidError
	var conflict *intent.ConflictError
	var inUse *intent.InUseError
	var missing *intent.NotFoundError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		return invalidStatus(invalid)
	case errors.As(err, &conflict):
		return conflictStatus(conflict)
	case errors.As(err, &inUse):
		return inUseStatus(inUse)
	case errors.As(err, &missing):
		return missingStatus(missing)
	}
	if st, ok := status.FromError(err); ok {
		return st
	}
	return storeStatus(err)
}

// storeStatus is an error that is not the request's fault, but for what it wants of the store.
func storeStatus(err error) *status.Status {
	retry := &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}
	var compacted *store.CompactedError
	switch {
	case errors.As(err, &compacted):
		return compactedStatus(compacted.Rev, fmt.Sprintf("changes up to revision %d are no longer known; list again, and watch from the list's revision", compacted.Rev))
	case errors.Is(err, intent.ErrNotLoaded):
		return with(codes.Unavailable, "the store has not been read yet; try again", retry)
	case errors.Is(err, intent.ErrBusy), errors.Is(err, store.ErrConflict):
		return with(codes.Aborted, "others write the same at the same time; nothing was changed, try again", retry)
	case errors.Is(err, store.ErrTooLarge):
		return with(codes.ResourceExhausted, err.Error()+"; split it")
	case errors.Is(err, store.ErrBadBackup):
		return with(codes.InvalidArgument, err.Error(), &errdetails.ErrorInfo{Reason: "BAD_BACKUP", Domain: domain})
	case errors.Is(err, store.ErrNotEmpty):
		return with(codes.FailedPrecondition, err.Error(), &errdetails.ErrorInfo{Reason: "NOT_EMPTY", Domain: domain})
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrLost), errors.Is(err, store.ErrClosed), errors.Is(err, store.ErrDenied):
		return with(codes.Unavailable, "the store is not available now: "+err.Error(), retry)
	case errors.Is(err, ErrNotConnected):
		return with(codes.Unavailable, err.Error(), &errdetails.ErrorInfo{Reason: "NOT_CONNECTED", Domain: domain})
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return status.FromContextError(err)
	}
	return status.New(codes.Internal, clip(err.Error()))
}

// with is a status with details.
func with(code codes.Code, message string, details ...protoadapt.MessageV1) *status.Status {
	st := status.New(code, clip(message))
	// Details are refused only with code OK, or when they cannot be encoded, which these can.
	if detailed, err := st.WithDetails(details...); err == nil {
		return detailed
	}
	return st
}

// compactedStatus ends a watch whose reader has to list again.
func compactedStatus(rev int64, message string) *status.Status {
	return with(codes.OutOfRange, message, &errdetails.ErrorInfo{
		Reason: "COMPACTED", Domain: domain, Metadata: map[string]string{"compact_revision": strconv.FormatInt(rev, 10)},
	})
}

// stopping is what calls are told that wait for something when the server stops.
func stopping() error {
	return with(codes.Unavailable, "weftd is stopping", &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter)}).Err()
}

func invalidStatus(e *intent.InvalidError) *status.Status {
	bad := &errdetails.BadRequest{}
	for _, v := range e.Violations {
		field := v.Field
		if v.Key != (intent.Key{}) {
			field = strings.TrimSuffix(v.Key.String()+": "+field, ": ")
		}
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: clip(field), Description: clip(v.Message), Reason: string(v.Reason),
		})
	}
	bad.FieldViolations = fit(bad.FieldViolations)
	code := codes.InvalidArgument
	if e.Exhausted() {
		code = codes.ResourceExhausted
	}
	return with(code, e.Error(), bad)
}

func conflictStatus(e *intent.ConflictError) *status.Status {
	failure := &errdetails.PreconditionFailure{}
	for _, m := range e.Mismatches {
		failure.Violations = append(failure.Violations, violation("REVISION", m.Key, m.String()))
	}
	failure.Violations = fit(failure.Violations)
	return with(codes.Aborted, e.Error(), failure)
}

func inUseStatus(e *intent.InUseError) *status.Status {
	failure := &errdetails.PreconditionFailure{}
	for _, u := range e.Uses {
		failure.Violations = append(failure.Violations, violation("IN_USE", u.Key, u.String()))
	}
	failure.Violations = fit(failure.Violations)
	return with(codes.FailedPrecondition, e.Error(), failure)
}

// violation tells what is wrong with a resource. The text may begin with its name, which the subject tells already.
func violation(kind string, key intent.Key, text string) *errdetails.PreconditionFailure_Violation {
	text = strings.TrimPrefix(text, key.String()+" ")
	return &errdetails.PreconditionFailure_Violation{Type: kind, Subject: clip(key.String()), Description: clip(text)}
}

func missingStatus(e *intent.NotFoundError) *status.Status {
	infos := make([]*errdetails.ResourceInfo, 0, len(e.Keys))
	for _, key := range e.Keys {
		infos = append(infos, &errdetails.ResourceInfo{
			ResourceType: string(key.Kind), ResourceName: clip(key.String()), Description: "does not exist",
		})
	}
	var details []protoadapt.MessageV1
	for _, info := range fit(infos) {
		details = append(details, info)
	}
	return with(codes.NotFound, e.Error(), details...)
}

// Limits of what a status says. It travels in headers, of which some clients (gRPC's C core, so Python's) take 8 KiB.
const (
	maxText    = 500     // bytes of one text
	maxDetails = 4 << 10 // bytes of a list in the details
)

// clip shortens a text that may repeat what a caller sent.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// fit returns as many of the first elements as a status can carry.
func fit[M proto.Message](list []M) []M {
	size := 0
	for i, m := range list {
		if size += proto.Size(m); i > 0 && size > maxDetails {
			return list[:i]
		}
	}
	return list
}

// badRequest is a request whose own fields are wrong, as opposed to those of a resource in it.
type badRequest struct {
	fields []*errdetails.BadRequest_FieldViolation // the first 100
	total  int
}

// add tells what is wrong with a field.
func (e *badRequest) add(field, message string) {
	if e.total++; e.total <= 100 {
		e.fields = append(e.fields, &errdetails.BadRequest_FieldViolation{Field: clip(field), Description: clip(message)})
	}
}

func (e *badRequest) err() error {
	if e.total == 0 {
		return nil
	}
	return e
}

// Error is the first thing that is wrong, and how many more are.
func (e *badRequest) Error() string {
	s := e.fields[0].GetField() + ": " + e.fields[0].GetDescription()
	if e.total > 1 {
		s += fmt.Sprintf(" (and %d more)", e.total-1)
	}
	return s
}

// GRPCStatus is the error as the API tells it.
func (e *badRequest) GRPCStatus() *status.Status {
	return with(codes.InvalidArgument, e.Error(), &errdetails.BadRequest{FieldViolations: fit(e.fields)})
}

// badField is a request with one field that is wrong.
func badField(field, format string, args ...any) error {
	e := &badRequest{}
	e.add(field, fmt.Sprintf(format, args...))
	return e
}
