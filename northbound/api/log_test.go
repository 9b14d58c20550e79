package api

import (
	"testing"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// A watch of the log is told what passes its filter, and how much it has missed.
func TestWatchLog(t *testing.T) {
	r := newRig(t, options{})
	w := r.watch(&weftv1.WatchRequest{LogOnly: true, Log: &weftv1.LogFilter{Project: "red", Verdicts: []string{"drop"}}})
	entry := func(project, port, verdict string) *weftv1.LogEntry {
		return &weftv1.LogEntry{Port: &weftv1.ResourceRef{Kind: "Port", Project: project, Name: port}, Verdict: verdict}
	}
	r.ctrl.mu.Lock()
	h := r.ctrl.listeners[0]
	r.ctrl.mu.Unlock()
	h.tell(3, entry("red", "vm1", "accept"), entry("blue", "vm1", "drop"), entry("red", "vm2", "drop"))
	lost := uint64(0)
	for {
		resp, err := w.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		lost += resp.GetLogLost()
		if len(resp.GetEvents()) == 0 {
			continue
		}
		e := resp.GetEvents()[0]
		if lost != 3 || len(resp.GetEvents()) != 1 || e.GetType() != weftv1.Event_TYPE_LOG || e.GetLog().GetPort().GetName() != "vm2" {
			t.Errorf("told %v, %d lost", resp, lost)
		}
		return
	}
}
