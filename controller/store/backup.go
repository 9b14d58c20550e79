package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// A backup is a stream of bytes:
//
//	"WEFT-BACKUP\n"                 what this is
//	uvarint                         version of the format, 1
//	uvarint                         revision of the snapshot
//	per key, sorted: uvarint length of key (> 0), key, uvarint length of value, value
//	uvarint 0, uvarint              end of keys, number of keys
//	32 bytes                        SHA-256 of everything before
//
// It holds keys without the store's prefix, so it can be restored into any store.
const (
	backupMagic   = "WEFT-BACKUP\n"
	backupVersion = 1

	maxBackupKey   = 64 << 10
	maxBackupValue = MaxBytes
	maxBackupSize  = 4 << 30
)

// Backup writes all keys of s, as they are at one revision, to w.
func Backup(ctx context.Context, s Store, w io.Writer) error {
	kvs, rev, err := s.Load(ctx, "")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	for _, kv := range kvs {
		if kv.Key == restoringKey {
			return errors.New("backup: the store holds half of a restore that was cut short; run that again first")
		}
	}
	if err := writeBackup(w, kvs, rev); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

func writeBackup(w io.Writer, kvs []KV, rev int64) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	var num [binary.MaxVarintLen64]byte
	// A bufio.Writer keeps its first error and gives it back on Flush.
	uvarint := func(n uint64) { _, _ = out.Write(num[:binary.PutUvarint(num[:], n)]) }
	_, _ = out.WriteString(backupMagic)
	uvarint(backupVersion)
	uvarint(uint64(rev))
	for _, kv := range kvs {
		uvarint(uint64(len(kv.Key)))
		_, _ = out.WriteString(kv.Key)
		uvarint(uint64(len(kv.Value)))
		_, _ = out.Write(kv.Value)
	}
	uvarint(0)
	uvarint(uint64(len(kvs)))
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
}

// decodeBackup reads a whole backup and returns its keys only if all of it is right.
func decodeBackup(r io.Reader) (kvs []KV, rev int64, err error) {
	d := backupReader{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	kvs, rev, err = d.decode()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, 0, fmt.Errorf("%w: it ends after %d bytes, in the middle", ErrBadBackup, d.size)
	case err != nil:
		return nil, 0, err
	}
	return kvs, rev, nil
}

// backupReader reads parts of a backup and sums them up.
type backupReader struct {
	in   *bufio.Reader
	sum  hash.Hash
	size int64
	buf  bytes.Buffer
}

func (d *backupReader) decode() ([]KV, int64, error) {
	rev, err := d.header()
	if err != nil {
		return nil, 0, err
	}
	var kvs []KV
	for {
		kv, err := d.kv()
		if err != nil {
			return nil, 0, err
		}
		if kv.Key == "" {
			break
		}
		if n := len(kvs); n > 0 && kvs[n-1].Key >= kv.Key {
			return nil, 0, fmt.Errorf("%w: key %q is out of order", ErrBadBackup, kv.Key)
		}
		kvs = append(kvs, kv)
	}
	return kvs, rev, d.trailer(len(kvs))
}

func (d *backupReader) header() (int64, error) {
	magic, err := d.bytes(uint64(len(backupMagic)))
	if err != nil || string(magic) != backupMagic {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, err
		}
		return 0, fmt.Errorf("%w: it does not begin like one", ErrBadBackup)
	}
	version, err := d.uvarint()
	if err != nil {
		return 0, err
	}
	if version != backupVersion {
		return 0, fmt.Errorf("%w: its format is version %d, this program knows version %d", ErrBadBackup, version, backupVersion)
	}
	rev, err := d.uvarint()
	return int64(rev), err
}

// kv reads one key, or a KV with an empty key at the end of them.
func (d *backupReader) kv() (KV, error) {
	key, err := d.field(maxBackupKey, "key")
	if err != nil || len(key) == 0 {
		return KV{}, err
	}
	kv := KV{Key: string(key)}
	kv.Value, err = d.field(maxBackupValue, "value")
	return kv, err
}

func (d *backupReader) trailer(keys int) error {
	n, err := d.uvarint()
	if err != nil {
		return err
	}
	if n != uint64(keys) {
		return fmt.Errorf("%w: it has %d keys and says %d", ErrBadBackup, keys, n)
	}
	want := d.sum.Sum(nil)
	have := make([]byte, len(want))
	if _, err := io.ReadFull(d.in, have); err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return fmt.Errorf("%w: its checksum is wrong", ErrBadBackup)
	}
	if _, err := d.in.ReadByte(); err == nil {
		return fmt.Errorf("%w: something follows its end", ErrBadBackup)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (d *backupReader) field(limit uint64, what string) ([]byte, error) {
	n, err := d.uvarint()
	if err != nil {
		return nil, err
	}
	if n > limit {
		return nil, fmt.Errorf("%w: a %s of %d bytes", ErrBadBackup, what, n)
	}
	return d.bytes(n)
}

// bytes reads n bytes. It grows with what is there, not with what a damaged length promises.
func (d *backupReader) bytes(n uint64) ([]byte, error) {
	d.buf.Reset()
	if _, err := io.CopyN(&d.buf, d.in, int64(n)); err != nil {
		return nil, err
	}
	return append([]byte{}, d.buf.Bytes()...), d.count(d.buf.Bytes())
}

func (d *backupReader) uvarint() (uint64, error) {
	var raw []byte
	for len(raw) < binary.MaxVarintLen64 {
		b, err := d.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if raw = append(raw, b); b < 0x80 {
			break
		}
	}
	n, used := binary.Uvarint(raw)
	if used <= 0 {
		return 0, fmt.Errorf("%w: a number is too long", ErrBadBackup)
	}
	return n, d.count(raw)
}

func (d *backupReader) count(raw []byte) error {
	_, _ = d.sum.Write(raw) // a hash never fails
	if d.size += int64(len(raw)); d.size > maxBackupSize {
		return fmt.Errorf("%w: it is larger than %d bytes", ErrBadBackup, int64(maxBackupSize))
	}
	return nil
}
