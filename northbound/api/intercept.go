package api

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// metrics is what is counted of calls.
type metrics struct {
	seconds *prometheus.HistogramVec
	watches prometheus.Gauge
}

func newMetrics(registry *prometheus.Registry) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weft_api_request_seconds", Help: "How long calls of the API took. A watch takes as long as it is watched.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "code"}),
		watches: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weft_api_watches", Help: "Watches under way."}),
	}
	if registry == nil {
		return m, nil
	}
	if err := errors.Join(registry.Register(m.seconds), registry.Register(m.watches)); err != nil {
		return nil, fmt.Errorf("api: metrics: %w", err)
	}
	return m, nil
}

// unary is around every call of one answer.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	begin := time.Now()
	defer func() { err = s.finish(info.FullMethod, begin, err) }()
	defer s.recovered(info.FullMethod, &err)
	if _, ok := ctx.Deadline(); !ok && path.Base(info.FullMethod) != "Wait" { // Wait has a limit of its own
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	return handle(ctx, req)
}

// stream is around every call with a stream.
func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	begin := time.Now()
	defer func() { err = s.finish(info.FullMethod, begin, err) }()
	defer s.recovered(info.FullMethod, &err)
	if info.FullMethod != healthv1.Health_Watch_FullMethodName {
		return handle(srv, stream)
	}
	// It is not ours, and would outlast the server.
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	return handle(srv, bounded{stream, ctx})
}

// bounded is a stream with another context.
type bounded struct {
	grpc.ServerStream
	ctx context.Context
}

// Context is what the stream's handler ends by.
func (b bounded) Context() context.Context { return b.ctx }

// recovered turns a panic into an error, so that one bad call does not end the controller.
func (s *Server) recovered(method string, err *error) {
	if cause := recover(); cause != nil {
		s.log.WithField("method", method).Errorf("a call panicked: %v\n%s", cause, debug.Stack())
		*err = status.Error(codes.Internal, "internal error; the controller's log tells more")
	}
}

// finish turns the error of a call into its status, and counts it.
func (s *Server) finish(method string, begin time.Time, err error) error {
	st := statusOf(err)
	s.metrics.seconds.WithLabelValues(path.Base(method), st.Code().String()).Observe(time.Since(begin).Seconds())
	if st.Code() == codes.Internal || st.Code() == codes.Unknown {
		s.log.WithField("method", method).WithError(err).Error("a call failed")
	}
	return st.Err()
}
