package intent

import (
	"fmt"
	"slices"
	"strconv"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// A bare switch is a host without OVSDB: nothing but its datapath id says who it is.

// datapathDigits is how many hexadecimal digits a datapath id has (OpenFlow 1.3, section 7.3.1).
const datapathDigits = 16

// parseDatapath reads a datapath id as Open vSwitch writes it.
func parseDatapath(s string) (uint64, error) {
	id, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != datapathDigits || id == 0 {
		return 0, fmt.Errorf("%q is not a datapath id: %d hexadecimal digits, such as 0000000000000001", s, datapathDigits)
	}
	return id, nil
}

// parseSwitch refuses what makes no sense of a host without OVSDB, or of one that is no bare switch.
func (t *txn) parseSwitch(d *draft, spec *weftv1.HostSpec) {
	if spec.GetDatapathId() == "" {
		if spec.GetLabelSwitching() {
			t.refuse(d, "spec.labelSwitching", ReasonInvalid, "is for bare switches, and this host has no datapathId")
		}
		return
	}
	var err error
	if d.datapath, err = parseDatapath(spec.GetDatapathId()); err != nil {
		t.refuse(d, "spec.datapathId", ReasonInvalid, "%v", err)
	}
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"manager", spec.GetManager() != ""}, {"tunnelIp", spec.GetTunnelIp() != ""}, {"datapathType", spec.GetDatapathType() != ""},
		{"bridgeMappings", len(spec.GetBridgeMappings()) > 0},
	} {
		if f.given {
			t.refuse(d, "spec."+f.name, ReasonInvalid, "is for hosts with OVSDB, and this one is a bare switch (datapathId)")
		}
	}
}

// The models of time to live (RFC 3443).
const (
	ttlPipe    = "pipe"
	ttlUniform = "uniform"
)

// parsePopping refuses what makes no sense of the labels of paths that end at a host.
func (t *txn) parsePopping(d *draft, spec *weftv1.HostSpec) {
	models := []string{ttlPipe, ttlUniform}
	switch model := spec.GetTtlModel(); {
	case model != "" && !slices.Contains(models, model):
		t.refuse(d, "spec.ttlModel", ReasonInvalid, `%q is neither "pipe" nor "uniform"%s`, model, didYouMean(model, models))
	case model == ttlUniform && !spec.GetPenultimateHopPopping():
		t.refuse(d, "spec.ttlModel", ReasonInvalid, "needs penultimateHopPopping: without it both labels end at the host together")
	}
	if spec.GetDatapathId() != "" && spec.GetPenultimateHopPopping() {
		t.refuse(d, "spec.penultimateHopPopping", ReasonInvalid, "is for the hosts where paths end, and this one is a bare switch (datapathId)")
	}
}

// keepDatapath refuses to give a host another datapath id, or to give one or take it.
func (t *txn) keepDatapath(d *draft) {
	if d.old == nil {
		return
	}
	words := func(spec *weftv1.HostSpec) string {
		if spec.GetDatapathId() == "" {
			return "none"
		}
		return spec.GetDatapathId()
	}
	t.immutable(d, "spec.datapathId", words(d.old.res.GetHostSpec()), words(d.given.GetHostSpec()))
}
