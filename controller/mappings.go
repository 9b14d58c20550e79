package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// parseMappings reads external_ids:weft-bridge-mappings, "physnet1:br-ex,physnet2:br-wan". What cannot be read is left out,
// and told.
func parseMappings(s string) (bridges map[string]string, wrong []string) {
	bridges = map[string]string{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		physical, bridge, ok := strings.Cut(part, ":")
		switch other, twice := bridges[physical]; {
		case !ok || physical == "" || bridge == "" || strings.Contains(bridge, ":"):
			wrong = append(wrong, fmt.Sprintf("external_ids:%s: %q is not of the form PHYSICAL-NETWORK:BRIDGE", mappingsKey, part))
		case twice && other != bridge:
			wrong = append(wrong, fmt.Sprintf("external_ids:%s: %s is mapped to %s and to %s", mappingsKey, physical, other, bridge))
		default:
			bridges[physical] = bridge
		}
	}
	return bridges, wrong
}

// mappings brings the rows of a host's bridge mappings up to date: what it says itself, under what is configured for it.
func (w *world) mappings(name string, h *host) {
	bridges, _ := parseMappings(h.observed.Mappings)
	for physical, bridge := range h.spec.GetBridgeMappings() {
		bridges[physical] = bridge
	}
	for physical := range h.mapped {
		if bridges[physical] == "" {
			w.tables.Mappings.Delete(intent.MappingKey{Host: name, Physical: physical})
		}
	}
	there := strings.Split(h.observed.Bridges, ",")
	h.mapped = map[string]string{}
	for physical, bridge := range bridges {
		if bridge != "" {
			h.mapped[physical] = bridge
			missing := h.observed.Bridges != "" && !slices.Contains(there, bridge)
			w.tables.Mappings.Put(intent.Mapping{Key: intent.MappingKey{Host: name, Physical: physical}, Bridge: bridge, Missing: missing})
		}
	}
}

// bridgeNames are a host's bridges, as they are remembered.
func bridgeNames(state *ovsdb.State) string {
	return strings.Join(slices.Sorted(maps.Keys(state.Bridges)), ",")
}

// hasBridge tells whether a host has a bridge.
func hasBridge(state *ovsdb.State, name string) bool {
	if state == nil {
		return false
	}
	_, ok := state.Bridges[name]
	return ok
}

// mappingErrors says what is wrong with a host's bridge mappings.
func (w *world) mappingErrors(name string, state *ovsdb.State) []string {
	if state == nil {
		return nil
	}
	_, wrong := parseMappings(state.ExternalIDs[mappingsKey])
	w.mu.RLock()
	defer w.mu.RUnlock()
	h := w.hosts[name]
	if h == nil {
		return wrong
	}
	to := map[string]string{} // physical networks by bridge
	for _, physical := range slices.Sorted(maps.Keys(h.mapped)) {
		bridge := h.mapped[physical]
		if !hasBridge(state, bridge) {
			wrong = append(wrong, fmt.Sprintf("physical network %s is mapped to bridge %s, which does not exist", physical, bridge))
		}
		if other, twice := to[bridge]; twice {
			wrong = append(wrong, fmt.Sprintf("physical networks %s and %s are both mapped to bridge %s: frames of the one are the other's, too", other, physical, bridge))
		}
		to[bridge] = physical
	}
	return wrong
}

// unmap forgets the bridge mappings of a host that is gone.
func (w *world) unmap(name string) {
	for physical := range w.host(name).mapped {
		w.tables.Mappings.Delete(intent.MappingKey{Host: name, Physical: physical})
	}
}
