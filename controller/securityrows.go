package controller

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// putAddressGroup takes over an address group with its blocks: as many as there are. What it costs besides reading them goes with those
// that come and go.
func (w *world) putAddressGroup(res *weftv1.Resource) error {
	set, blocks, err := intent.AddressRows(res)
	if err != nil {
		return err
	}
	w.tables.AddressSets.Put(set)
	w.changeAddresses(set.Key, blocks)
	return nil
}

func (w *world) dropAddressGroup(key intent.Key) {
	w.tables.AddressSets.Delete(key)
	w.changeAddresses(key, nil)
}

// changeAddresses makes the rows of a group those of the blocks, which are sorted, as the rows are.
func (w *world) changeAddresses(set intent.Key, blocks []netip.Prefix) {
	var r table.Reader // what is read here is nobody's to remember
	var gone, come []intent.AddressOf
	for have := range w.tables.AddressesOf.List(&r, set) {
		for len(blocks) > 0 && blocks[0].Compare(have.Block) < 0 {
			come, blocks = append(come, intent.AddressOf{Set: set, Block: blocks[0]}), blocks[1:]
		}
		if len(blocks) > 0 && blocks[0] == have.Block {
			blocks = blocks[1:]
			continue
		}
		gone = append(gone, have)
	}
	for _, a := range slices.Backward(gone) { // from the end, where taking one out moves none
		w.tables.Addresses.Delete(a)
	}
	for _, a := range come {
		w.tables.Addresses.Put(a)
	}
	for _, block := range blocks {
		w.tables.Addresses.Put(intent.AddressOf{Set: set, Block: block})
	}
}
