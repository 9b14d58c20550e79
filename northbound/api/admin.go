package api

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// piece is how much of a backup is sent at once, in bytes.
const piece = 256 << 10

// admin is the service for those who run weftd.
type admin struct {
	weftv1.UnimplementedAdminServiceServer
	s *Server
}

// GetInfo tells the version and how the controller is.
func (a *admin) GetInfo(context.Context, *weftv1.GetInfoRequest) (*weftv1.GetInfoResponse, error) {
	info := &weftv1.GetInfoResponse{}
	if a.s.cfg.Info != nil {
		proto.Merge(info, a.s.cfg.Info())
	}
	if info.GetVersion() == "" {
		info.Version = a.s.cfg.Version
	}
	if info.GetRevision() == 0 {
		info.Revision = a.s.cfg.Catalog.Revision()
	}
	return info, nil
}

// SetLogLevel changes the level of the log.
func (a *admin) SetLogLevel(ctx context.Context, req *weftv1.SetLogLevelRequest) (*weftv1.SetLogLevelResponse, error) {
	level, ok := map[string]logrus.Level{
		"error": logrus.ErrorLevel, "warning": logrus.WarnLevel, "info": logrus.InfoLevel, "debug": logrus.DebugLevel, "trace": logrus.TraceLevel,
	}[req.GetLevel()]
	if !ok {
		return nil, badField("level", "%q is no level; there are error, warning, info, debug and trace", req.GetLevel())
	}
	logger := a.s.log.Logger
	previous := logger.GetLevel()
	audit := a.s.audit(ctx, "set log level")
	audit.add(level.String())
	audit.done(a.s.cfg.Catalog.Revision(), nil) // before, as the new level may hide it
	logger.SetLevel(level)
	return &weftv1.SetLogLevelResponse{Previous: previous.String()}, nil
}

// Backup streams a copy of the store.
func (a *admin) Backup(_ *weftv1.BackupRequest, stream grpc.ServerStreamingServer[weftv1.BackupResponse]) error {
	return store.Backup(stream.Context(), a.s.cfg.Store, sender{stream})
}

// sender is the stream of a backup as a writer.
type sender struct {
	stream grpc.ServerStreamingServer[weftv1.BackupResponse]
}

// Write sends p in pieces.
func (s sender) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n := min(len(p)-sent, piece)
		if err := s.stream.Send(&weftv1.BackupResponse{Data: p[sent : sent+n]}); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// Restore makes the store hold what a backup holds.
func (a *admin) Restore(stream grpc.ClientStreamingServer[weftv1.RestoreRequest, weftv1.RestoreResponse]) (err error) {
	ctx := stream.Context()
	audit := a.s.audit(ctx, "restore")
	resp := &weftv1.RestoreResponse{}
	defer func() { audit.done(resp.GetRevision(), err) }()
	first, err := stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return badField("data", "is missing; a backup is wanted")
	case err != nil:
		return err
	}
	in := &receiver{stream: stream, data: first.GetData()}
	if err := store.Restore(ctx, a.s.cfg.Store, in, store.RestoreOptions{Replace: first.GetReplace()}); err != nil {
		return err
	}
	kvs, rev, err := a.s.cfg.Store.Load(ctx, "")
	if err != nil {
		return fmt.Errorf("restored, but not read back: %w", err)
	}
	resp.Revision, resp.Keys = rev, int64(len(kvs))
	audit.add(fmt.Sprintf("%d keys", len(kvs)))
	return stream.SendAndClose(resp)
}

// receiver is the stream of a restore as a reader.
type receiver struct {
	stream grpc.ClientStreamingServer[weftv1.RestoreRequest, weftv1.RestoreResponse]
	data   []byte
}

// Read takes what has come, or waits for more.
func (r *receiver) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		req, err := r.stream.Recv()
		if err != nil {
			return 0, err // io.EOF: the client has sent all of it
		}
		r.data = req.GetData()
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}
