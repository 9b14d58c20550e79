package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weft-sdn/weft/controller/store"
)

const storeValue = 512 // bytes, about a stored port

// storeSuite measures the embedded store beside the disk under it.
func storeSuite(ctx context.Context, b *bench) (err error) {
	sync, err := fdatasyncs(filepath.Join(b.dir, "sync"), b.choose(500, 10))
	if err != nil {
		return err
	}
	b.add("store.fdatasync_us", "µs", sync)
	s, err := store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: filepath.Join(b.dir, "store"), Log: quiet().Logger})
	if err != nil {
		return err
	}
	defer closing(s.Close, &err)
	for _, n := range []int{1, 1000} {
		us, err := transactions(ctx, s, n, b.choose(max(1000/n, 21), 5))
		if err != nil {
			return err
		}
		name := "store.txn_us"
		if n > 1 {
			name = fmt.Sprintf("store.txn%d_us", n)
		}
		b.add(name, "µs", us, against("fdatasync of 4 KiB", sync))
	}
	var ms []float64
	for range b.choose(21, 3) {
		began := time.Now()
		if _, _, err := s.Load(ctx, "bench/"); err != nil {
			return err
		}
		ms = append(ms, time.Since(began).Seconds()*1e3)
	}
	b.add("store.load1000_ms", "ms", ms)
	return nil
}

// transactions writes n keys at once, each time comparing a head key that every transaction rewrites.
func transactions(ctx context.Context, s store.Store, n, samples int) ([]float64, error) {
	value := make([]byte, storeValue)
	kv, _, _, err := store.Get(ctx, s, "head")
	if err != nil {
		return nil, err
	}
	head := kv.Rev
	var us []float64
	for range samples {
		ops := []store.Op{store.Put("head", nil)}
		for i := range n {
			ops = append(ops, store.Put(fmt.Sprintf("bench/%05d", i), value))
		}
		began := time.Now()
		if head, err = s.Txn(ctx, []store.Compare{{Key: "head", Rev: head}}, ops); err != nil {
			return nil, err
		}
		us = append(us, float64(time.Since(began).Microseconds()))
	}
	return us, nil
}

// fdatasyncs appends 4 KiB to a file and waits for the disk, again and again.
func fdatasyncs(path string, samples int) ([]float64, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	page := make([]byte, 4096)
	var us []float64
	for range samples {
		began := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		us = append(us, float64(time.Since(began).Microseconds()))
	}
	return us, nil
}
