package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// flagsHint is what the operator of an etcd cluster has to do about ErrTooLarge.
var flagsHint = fmt.Sprintf("start every etcd member with --max-txn-ops=%d --max-request-bytes=%d", MaxOps, MaxBytes)

// wrap names the store and the call, once.
func (s *etcd) wrap(call string, err error) error {
	return fmt.Errorf("%s: %s: %w", s.name, call, err)
}

// flags adds the flags an etcd cluster needs to an ErrTooLarge.
func (s *etcd) flags(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%w (%s)", err, flagsHint)
	}
	return err
}

// fail turns an error of etcd's client into one of ours.
func (s *etcd) fail(ctx context.Context, call string, err error) error {
	return s.wrap(call, s.classify(ctx, err))
}

func (s *etcd) classify(ctx context.Context, err error) error {
	if dead := s.alive(); dead != nil {
		return dead
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	switch {
	case isOneOf(err, rpctypes.ErrFutureRev, rpctypes.ErrEmptyKey, rpctypes.ErrDuplicateKey):
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case errors.Is(err, rpctypes.ErrCompacted):
		return fmt.Errorf("%w: compaction overtook the read %d times", ErrUnavailable, loadAttempts)
	case tooLarge(err):
		return fmt.Errorf("%w: %w (%s)", ErrTooLarge, err, flagsHint)
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("%w: etcd's quota is used up; compact and defragment it, disarm its NOSPACE alarm, "+
			"or raise --quota-backend-bytes", ErrUnavailable)
	case denied(err):
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	// Everything else is time: no leader, no connection, a deadline, a server that stops.
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

func tooLarge(err error) bool {
	if isOneOf(err, rpctypes.ErrTooManyOps, rpctypes.ErrRequestTooLarge) {
		return true
	}
	// gRPC itself refuses a message above the limit of either end, with a text of its own.
	return status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "larger than max")
}

func denied(err error) bool {
	return isOneOf(err, rpctypes.ErrPermissionDenied, rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty,
		rpctypes.ErrInvalidAuthToken, rpctypes.ErrAuthOldRevision, rpctypes.ErrAuthNotEnabled)
}

func isOneOf(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}
