package store

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// zapCore is where etcd's log goes: information and debugging become debug messages of ours, warnings and errors stay.
//
// etcd ends the process (or panics) through its logger when it cannot go on: a damaged file, a disk that fails. Here
// that ends only the goroutine that logged, and failed tells why.
type zapCore struct {
	log    logrus.FieldLogger
	fields []zapcore.Field
	state  *zapState
}

type zapState struct {
	// loud is set once the server runs. Before that etcd warns about the configuration we chose for it.
	loud   atomic.Bool
	once   sync.Once
	failed chan struct{} // closed at the first fatal message
	cause  error         // set before failed is closed
}

func newZap(log logrus.FieldLogger) *zapCore {
	if log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		log = silent
	}
	return &zapCore{log: log.WithField("component", "etcd"), state: &zapState{failed: make(chan struct{})}}
}

func (c *zapCore) logger() *zap.Logger {
	return zap.New(c, zap.WithFatalHook(c), zap.WithPanicHook(c))
}

// failure is the cause of the first fatal message, or nil.
func (c *zapCore) failure() error {
	select {
	case <-c.state.failed:
		return c.state.cause
	default:
		return nil
	}
}

// Enabled implements zapcore.Core.
func (c *zapCore) Enabled(l zapcore.Level) bool { return l >= zapcore.InfoLevel }

// With implements zapcore.Core.
func (c *zapCore) With(fields []zapcore.Field) zapcore.Core {
	return &zapCore{log: c.log, state: c.state, fields: append(c.fields[:len(c.fields):len(c.fields)], fields...)}
}

// Check implements zapcore.Core.
func (c *zapCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return ce.AddCore(e, c)
}

// Write implements zapcore.Core.
func (c *zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(enc)
	}
	log := c.log.WithFields(enc.Fields)
	switch {
	case e.Level >= zapcore.ErrorLevel:
		log.Error(e.Message)
	case e.Level == zapcore.WarnLevel && c.state.loud.Load():
		log.Warn(e.Message)
	default:
		log.Debug(e.Message)
	}
	return nil
}

// Sync implements zapcore.Core.
func (c *zapCore) Sync() error { return nil }

// OnWrite implements zapcore.CheckWriteHook: what happens after a fatal message.
func (c *zapCore) OnWrite(e *zapcore.CheckedEntry, fields []zapcore.Field) {
	c.state.once.Do(func() {
		c.state.cause = fatalCause(e.Message, fields)
		close(c.state.failed)
	})
	runtime.Goexit()
}

// fatalCause keeps the error among the fields, for errors.Is.
func fatalCause(message string, fields []zapcore.Field) error {
	for _, f := range fields {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			return fmt.Errorf("%s: %w", message, err)
		}
	}
	return errors.New(message)
}
