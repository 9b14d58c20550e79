package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weft-sdn/weft/test/netlab"
)

// Dissected is a packet as tshark reads it: the values of the fields asked for, outermost first where a field occurs more
// than once (the two labels of a stack).
type Dissected map[string][]string

// Is says whether a field has just these values.
func (d Dissected) Is(field string, values ...string) bool {
	return strings.Join(d[field], "|") == strings.Join(values, "|")
}

// Layers are the protocols of a packet, outermost first: "eth:ethertype:ip:udp:vxlan:eth:…".
func (d Dissected) Layers() string { return strings.Join(d["frame.protocols"], "") }

// Dissect has tshark decode packets. A field is named as in a display filter; frame.protocols is always there. Options are
// further ones of tshark, such as -d udp.port==8472,vxlan.
func Dissect(packets []netlab.Packet, fields []string, options ...string) ([]Dissected, error) {
	dir, err := os.MkdirTemp("", "weft-dissect-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover in the temporary folder is nobody's problem
	file := filepath.Join(dir, "packets.pcap")
	if err := netlab.WritePcap(file, packets); err != nil {
		return nil, err
	}
	fields = append([]string{"frame.protocols"}, fields...)
	// Addresses and checksums are not looked up, nor are streams put together: a packet is what is in it.
	args := append([]string{"-n", "-r", file, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=|"}, options...)
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tshark: %w: %s", err, errs.String())
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(packets) == 0 {
		lines = nil
	}
	if len(lines) != len(packets) {
		return nil, fmt.Errorf("tshark read %d of %d packets: %s", len(lines), len(packets), errs.String())
	}
	all := make([]Dissected, len(lines))
	for i, line := range lines {
		all[i] = Dissected{}
		for j, value := range strings.Split(line, "\t") {
			if value != "" && j < len(fields) {
				all[i][fields[j]] = strings.Split(value, "|")
			}
		}
	}
	return all, nil
}
