package netlab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"
)

// Spec is a lab as a user writes it down.
type Spec struct {
	Name       string         `json:"name,omitempty"`
	Controller Place          `json:"controller,omitempty"` // where the user runs weftd: "" (in the lab) or "root"
	Manager    string         `json:"manager,omitempty"`    // set-manager target for every host; empty: none
	Hosts      []HostSpec     `json:"hosts"`
	Endpoints  []EndpointSpec `json:"endpoints,omitempty"`
}

// EndpointSpec is a named endpoint and the host that it starts on.
type EndpointSpec struct {
	Name string `json:"name"`
	Host string `json:"host"`
	EndpointOptions
}

// ParseSpec reads a Spec from YAML or JSON; a field that Spec does not have is an error.
func ParseSpec(text []byte) (Spec, error) {
	var s Spec
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		return Spec{}, fmt.Errorf("lab spec: %w", err)
	}
	return s, s.validate()
}

func (s Spec) validate() error {
	names := map[string]bool{"core": true, "controller": true}
	hosts := map[string]bool{}
	for _, h := range s.Hosts {
		if h.Name == "" || names[h.Name] {
			return fmt.Errorf("lab spec: host %q: the name is missing or taken", h.Name)
		}
		names[h.Name], hosts[h.Name] = true, true
	}
	for _, e := range s.Endpoints {
		if e.Name == "" || names[e.Name] {
			return fmt.Errorf("lab spec: endpoint %q: the name is missing or taken", e.Name)
		}
		if !hosts[e.Host] {
			return fmt.Errorf("lab spec: endpoint %q: there is no host %q", e.Name, e.Host)
		}
		names[e.Name] = true
	}
	return nil
}

// stateFile is what a state directory has, and all that Open needs.
const stateFile = "lab.json"

// state is a lab as it is found again.
type state struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Dir        string          `json:"dir"`
	Controller Place           `json:"controller,omitempty"`
	Hosts      []hostState     `json:"hosts"`
	Endpoints  []endpointState `json:"endpoints"`
}

type hostState struct {
	HostSpec
	Number int `json:"number"`
}

type endpointState struct {
	EndpointSpec
	Plugged bool `json:"plugged"`
}

// Up makes a lab that stays after this process has ended, and remembers it in stateDir. Endpoints are made and not
// plugged: the bridge is the controller's, which may not run yet. Lab.Plug does that.
func Up(ctx context.Context, spec Spec, stateDir string, log logrus.FieldLogger) (*Lab, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(stateDir, stateFile)); err == nil {
		if _, err := Open(stateDir, log); err == nil {
			return nil, fmt.Errorf("lab: there is one in %s; take it down first", stateDir)
		}
	}
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l, err := New(Config{Name: spec.Name, Log: log, Controller: spec.Controller, kept: true})
	if err != nil {
		return nil, err
	}
	if err := l.bringUp(ctx, spec, stateDir); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}

func (l *Lab) bringUp(ctx context.Context, spec Spec, stateDir string) error {
	if err := l.saveTo(stateDir); err != nil {
		return err
	}
	if _, err := l.AddHosts(spec.Hosts...); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, e := range spec.Endpoints {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			h, ok := l.Host(e.Host)
			if !ok {
				return fmt.Errorf("endpoint %s: there is no host %s", e.Name, e.Host)
			}
			e.EndpointOptions.Plug = PlugLater
			_, err := h.AddEndpoint(e.Name, e.EndpointOptions)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if spec.Manager == "" {
		return nil
	}
	for _, h := range l.Hosts() {
		if err := h.SetManager(spec.Manager); err != nil {
			return err
		}
	}
	return nil
}

// Plug plugs every endpoint that is not plugged yet, waiting for the bridges until ctx ends. The endpoints that could
// not be plugged are in the error.
func (l *Lab) Plug(ctx context.Context) error {
	var g errgroup.Group
	for _, e := range l.Endpoints() {
		if e.Plugged() {
			continue
		}
		g.Go(func() error {
			h := e.Host()
			for h.WaitBridge(e.opts.Bridge, 500*time.Millisecond) != nil {
				if err := ctx.Err(); err != nil {
					return fmt.Errorf("endpoint %s: no bridge %s on %s: %w", e.name, e.opts.Bridge, h.name, err)
				}
			}
			return e.plugOn(h)
		})
	}
	return g.Wait()
}

// saveTo makes the lab remember itself in a directory from now on.
func (l *Lab) saveTo(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.stateDir = abs
	l.mu.Unlock()
	return l.save()
}

// save writes the lab's state if somebody wants it.
func (l *Lab) save() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stateDir == "" {
		return nil
	}
	s := state{ID: l.entry.ID, Name: l.conf.Name, Dir: l.conf.Dir, Controller: l.conf.Controller}
	for _, h := range l.hosts {
		s.Hosts = append(s.Hosts, hostState{HostSpec: HostSpec{Name: h.name, HostOptions: h.opts}, Number: h.number})
	}
	for _, e := range l.endpoints {
		s.Endpoints = append(s.Endpoints, endpointState{
			EndpointSpec: EndpointSpec{Name: e.name, Host: e.Host().name, EndpointOptions: e.opts}, Plugged: e.Plugged(),
		})
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	// Renamed into place: a reader sees the old state or the new one.
	tmp := filepath.Join(l.stateDir, "."+stateFile)
	if err := os.WriteFile(tmp, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("lab %s: %w", l.entry.ID, err)
	}
	return os.Rename(tmp, filepath.Join(l.stateDir, stateFile))
}

// ErrNoLab is what Open says when a state directory has no lab.
var ErrNoLab = errors.New("no lab is up")

// Open finds the lab that Up has made.
func Open(stateDir string, log logrus.FieldLogger) (*Lab, error) {
	b, err := os.ReadFile(filepath.Join(stateDir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", stateDir, ErrNoLab)
	}
	if err != nil {
		return nil, err
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(stateDir, stateFile), err)
	}
	e, err := readEntry(s.ID)
	if err != nil {
		return nil, fmt.Errorf("%s: lab %s is gone: %w", stateDir, s.ID, ErrNoLab)
	}
	conf := Config{Name: s.Name, Dir: s.Dir, Log: log, Controller: s.Controller, kept: true}
	if err := conf.validate(); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(stateDir)
	if err != nil {
		return nil, err
	}
	l := newLab(conf, e)
	l.stateDir = abs
	l.core = &Namespace{name: l.nsName("core")}
	l.ctl = &Namespace{name: l.nsName("controller")}
	if s.Controller == PlaceRoot {
		l.ctl = &Namespace{}
	}
	return l, l.restore(s)
}

func (l *Lab) restore(s state) error {
	for _, hs := range s.Hosts {
		l.hosts = append(l.hosts, &Host{
			Namespace: &Namespace{name: l.nsName(hs.Name)}, lab: l, name: hs.Name, number: hs.Number,
			opts: hs.HostOptions, dir: filepath.Join(s.Dir, hs.Name),
		})
	}
	for _, es := range s.Endpoints {
		i := slices.IndexFunc(l.hosts, func(h *Host) bool { return h.name == es.Host })
		if i < 0 {
			return fmt.Errorf("lab %s: endpoint %s is on an unknown host %s", s.ID, es.Name, es.Host)
		}
		e, err := newEndpoint(l, l.hosts[i], es.Name, es.EndpointOptions)
		if err != nil {
			return fmt.Errorf("lab %s: endpoint %s: %w", s.ID, es.Name, err)
		}
		e.plugged = es.Plugged
		l.endpoints = append(l.endpoints, e)
	}
	return nil
}

// Down takes the lab down and forgets it; a lab that was made with New is closed.
func (l *Lab) Down() error {
	l.mu.Lock()
	dir := l.stateDir
	l.mu.Unlock()
	if err := l.Close(); err != nil {
		return err
	}
	if dir == "" {
		return nil
	}
	if err := os.Remove(filepath.Join(dir, stateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// HostStatus is what can be seen of a host from outside.
type HostStatus struct {
	Name, TunnelIP  string
	OVSDB, Vswitchd bool // the daemon runs
}

// EndpointStatus is what can be seen of an endpoint from outside.
type EndpointStatus struct {
	Name, Host, IfaceID, MAC string
	Addresses                []string
	Plugged                  bool
}

// Status describes a lab.
type Status struct {
	ID, Name, Dir string
	Hosts         []HostStatus
	Endpoints     []EndpointStatus
}

// Describe says what the lab has and which daemons run.
func (l *Lab) Describe() Status {
	s := Status{ID: l.entry.ID, Name: l.conf.Name, Dir: l.conf.Dir}
	for _, h := range l.Hosts() {
		s.Hosts = append(s.Hosts, HostStatus{h.name, h.TunnelIP().String(), h.OVSDBPID() != 0, h.VswitchdPID() != 0})
	}
	for _, e := range l.Endpoints() {
		s.Endpoints = append(s.Endpoints, EndpointStatus{e.name, e.Host().name, e.IfaceID(), e.mac.String(), e.opts.Addresses, e.Plugged()})
	}
	return s
}
