package client

import (
	"context"
	"errors"
	"fmt"
	"io"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// piece is how much of a backup is sent at once.
const piece = 256 << 10

// Info tells the server's version and how it is.
func (c *Client) Info(ctx context.Context) (*weftv1.GetInfoResponse, error) {
	resp, err := c.admin.GetInfo(ctx, &weftv1.GetInfoRequest{})
	return resp, c.wrap(err)
}

// SetLogLevel changes the server's log level and returns the one before.
func (c *Client) SetLogLevel(ctx context.Context, level string) (previous string, err error) {
	resp, err := c.admin.SetLogLevel(ctx, &weftv1.SetLogLevelRequest{Level: level})
	return resp.GetPrevious(), c.wrap(err)
}

// Backup writes a consistent copy of the store to w and returns its size in bytes. The backup is whole only when the error
// is nil.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.admin.Backup(ctx, &weftv1.BackupRequest{})
	if err != nil {
		return 0, c.wrap(err)
	}
	var size int64
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return size, c.wrap(err)
		}
		n, err := w.Write(resp.GetData())
		size += int64(n)
		if err != nil {
			return size, fmt.Errorf("writing the backup: %w", err)
		}
	}
}

// RestoreOptions say how to restore.
type RestoreOptions struct {
	// Replace what the store holds; without it, a store that is not empty is ErrPrecondition.
	Replace bool
}

// Restore replaces the store's contents by a backup's. The server checks the whole of it before it writes anything.
func (c *Client) Restore(ctx context.Context, r io.Reader, opt RestoreOptions) (*weftv1.RestoreResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.admin.Restore(ctx)
	if err != nil {
		return nil, c.wrap(err)
	}
	buf := make([]byte, piece)
	for first := true; ; first = false {
		n, err := io.ReadFull(r, buf)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return nil, fmt.Errorf("reading the backup: %w", err)
		}
		// An error of Send is io.EOF: the server has already answered, and CloseAndRecv tells what.
		err = stream.Send(&weftv1.RestoreRequest{Data: buf[:n], Replace: first && opt.Replace})
		if err != nil || last {
			break
		}
	}
	resp, err := stream.CloseAndRecv()
	return resp, c.wrap(err)
}
