package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (r *rig) backup() []byte {
	r.t.Helper()
	stream, err := r.admin.Backup(r.t.Context(), &weftv1.BackupRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	var out bytes.Buffer
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out.Bytes()
		}
		if err != nil {
			r.t.Fatal(err)
		}
		out.Write(resp.GetData())
	}
}

func (r *rig) restore(backup []byte, replace bool) (*weftv1.RestoreResponse, error) {
	r.t.Helper()
	stream, err := r.admin.Restore(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for first := true; first || len(backup) > 0; first = false {
		n := min(len(backup), 1000)
		if stream.Send(&weftv1.RestoreRequest{Data: backup[:n], Replace: first && replace}) != nil {
			break // the answer is there already
		}
		backup = backup[n:]
	}
	return stream.CloseAndRecv()
}

// TestBackup: a backup goes into another server, which then serves what it holds.
func TestBackup(t *testing.T) {
	r := newRig(t, options{})
	var many []*weftv1.Resource
	for i := range 3000 {
		p := project(fmt.Sprintf("p%d", i))
		p.Description = strings.Repeat("x", 250)
		many = append(many, p)
	}
	r.apply(many...)
	backup := r.backup()
	if len(backup) < 2*piece {
		t.Fatal("the backup is too small for this test:", len(backup))
	}

	other := newRig(t, options{})
	watch := other.watch(&weftv1.WatchRequest{})
	resp, err := other.restore(backup, false)
	if err != nil || resp.GetKeys() < 3000 || resp.GetRevision() < 2 {
		t.Fatal(resp, err)
	}
	if line := watch.next(); strings.Count(line, "put project/p") == 0 {
		t.Error("a restore is not watched:", line)
	}
	eventually(t, "the catalog has followed", func() bool { return other.catalog.Revision() >= resp.GetRevision() })
	if _, err := other.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", "p2999")}); err != nil {
		t.Error(err)
	}
	if _, err := other.restore(backup, false); status.Code(err) != codes.FailedPrecondition {
		t.Error("a store that is not empty is restored into:", err)
	}
	other.apply(project("more"))
	if resp, err = other.restore(backup, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the backup lacks is gone", func() bool {
		_, err := other.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", "more")})
		return status.Code(err) == codes.NotFound
	})
	other.apply(project("again"))
	if log := other.log.String(); strings.Count(log, "verb=restore") != 3 {
		t.Error("restores are not in the audit log:", log)
	}
}

func TestBadBackup(t *testing.T) {
	r := newRig(t, options{})
	rev := r.apply(project("red"))
	backup := r.backup()
	broken := bytes.Clone(backup)
	broken[len(broken)/2] ^= 1
	for name, data := range map[string][]byte{"empty": nil, "short": backup[:len(backup)-1], "broken": broken, "garbage": []byte("garbage")} {
		if _, err := r.restore(data, true); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	stream, err := r.admin.Restore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	if _, err := r.weft.Get(t.Context(), &weftv1.GetRequest{Ref: ref("Project", "", "red")}); err != nil || r.catalog.Revision() != rev {
		t.Error("a bad backup has changed something:", err)
	}
}

func TestLogLevel(t *testing.T) {
	r := newRig(t, options{})
	for _, step := range []struct{ level, previous string }{{"debug", "info"}, {"error", "debug"}, {"warning", "error"}, {"trace", "warning"}, {"info", "trace"}} {
		resp, err := r.admin.SetLogLevel(t.Context(), &weftv1.SetLogLevelRequest{Level: step.level})
		if err != nil || resp.GetPrevious() != step.previous {
			t.Errorf("%v: %v %v", step, resp, err)
		}
	}
	for _, level := range []string{"", "DEBUG", "panic", "loud"} {
		if _, err := r.admin.SetLogLevel(t.Context(), &weftv1.SetLogLevelRequest{Level: level}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%q: %v", level, err)
		}
	}
}

func TestInfo(t *testing.T) {
	r := newRig(t, options{})
	rev := r.apply(project("red"))
	info, err := r.admin.GetInfo(t.Context(), &weftv1.GetInfoRequest{})
	if err != nil || info.GetVersion() != "1.2.3" || info.GetHosts() != 3 || info.GetRevision() != rev {
		t.Error(info, err)
	}
}
