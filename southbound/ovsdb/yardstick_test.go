package ovsdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
)

// The rows as libovsdb's client mirrors them.
type (
	yardBridge struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		FailMode    *string           `ovsdb:"fail_mode"`
		Protocols   []string          `ovsdb:"protocols"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
		OtherConfig map[string]string `ovsdb:"other_config"`
		Ports       []string          `ovsdb:"ports"`
	}
	yardIface struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Type        string            `ovsdb:"type"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
		Options     map[string]string `ovsdb:"options"`
	}
)

// TestMirrorAgreesWithLibovsdb makes random edits on a real ovsdb-server and compares what the two clients believe.
func TestMirrorAgreesWithLibovsdb(t *testing.T) {
	t.Parallel()
	h := newHost(t, "yard")
	s := newSessions(t, Config{KeepIDs: []string{"k0", "k1", "k2"}})
	remote := "unix:" + h.dir + "/db.sock"
	s.dial(remote)
	mine := s.next()
	dbm, err := model.NewClientDBModel(database, map[string]model.Model{"Bridge": &yardBridge{}, "Interface": &yardIface{}})
	if err != nil {
		t.Fatal(err)
	}
	quiet := logr.Discard()
	yard, err := client.NewOVSDBClient(dbm, client.WithEndpoint(remote), client.WithLogger(&quiet))
	if err != nil {
		t.Fatal(err)
	}
	if err := yard.Connect(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer yard.Close()
	if _, err := yard.MonitorAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	h.vsctl("--no-wait", "add-br", "b0", "--", "add-br", "b1")
	for range 60 {
		p, b, k, v := fmt.Sprintf("p%d", rnd.IntN(8)), fmt.Sprintf("b%d", rnd.IntN(2)), fmt.Sprintf("k%d", rnd.IntN(3)), fmt.Sprintf("v%d", rnd.IntN(2))
		edit := [][]string{
			{"--if-exists", "del-port", p}, {"--if-exists", "del-port", p, "--", "add-port", b, p, "--", "set", "interface", p, "type=internal"},
			{"--if-exists", "set", "interface", p, "external_ids:" + k + "=" + v, "options:" + k + "=" + v},
			{"--if-exists", "remove", "interface", p, "external_ids", k}, {"set", "bridge", b, "other_config:" + k + "=" + v},
			{"clear", "bridge", b, "other_config"}, {"set-fail-mode", b, "secure"}, {"del-fail-mode", b},
			{"add", "bridge", b, "protocols", "OpenFlow13"}, {"set", "bridge", b, "protocols=OpenFlow10,OpenFlow14"}, {"clear", "bridge", b, "protocols"},
		}
		h.vsctl(append([]string{"--no-wait"}, edit[rnd.IntN(len(edit))]...)...)
	}
	h.vsctl("--no-wait", "set", "bridge", "b0", "external_ids:done=yes")
	poll(t, "both to see the end", func() bool {
		var all []yardBridge
		if err := yard.List(context.Background(), &all); err != nil {
			t.Fatal(err)
		}
		there := false
		for _, b := range all {
			there = there || b.ExternalIDs["done"] == "yes"
		}
		return there && mine.Snapshot().Bridges["b0"].ExternalIDs["done"] == "yes"
	})
	if d := cmp.Diff(yardView(t, yard), myView(mine.Snapshot())); d != "" {
		t.Errorf("libovsdb's client (-) and ours (+) differ:\n%s", d)
	}
}

func yardView(t *testing.T, c client.Client) map[string]string {
	var bridges []yardBridge
	var ifaces []yardIface
	if err := c.List(context.Background(), &bridges); err != nil {
		t.Fatal(err)
	}
	if err := c.List(context.Background(), &ifaces); err != nil {
		t.Fatal(err)
	}
	view := map[string]string{}
	for _, b := range bridges {
		mode := ""
		if b.FailMode != nil {
			mode = *b.FailMode
		}
		allowed := map[string]bool{}
		for _, p := range b.Protocols {
			allowed[p] = true
		}
		view["bridge "+b.Name] = fmt.Sprint(mode, allowed, b.ExternalIDs, b.OtherConfig, len(b.Ports))
	}
	for _, i := range ifaces {
		view["interface "+i.Name] = fmt.Sprint(i.Type, i.ExternalIDs)
	}
	return view
}

func myView(s *State) map[string]string {
	view := map[string]string{}
	for _, b := range s.Bridges {
		allowed := map[string]bool{}
		for _, p := range b.Protocols {
			allowed[p] = true
		}
		view["bridge "+b.Name] = fmt.Sprint(b.FailMode, allowed, b.ExternalIDs, b.OtherConfig, len(b.Ports))
	}
	for _, i := range s.Interfaces {
		view["interface "+i.Name] = fmt.Sprint(i.Type, i.ExternalIDs)
	}
	return view
}
