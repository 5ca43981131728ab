package curricle

import (
	"math"

	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
	exports "curricle/wit/export_curricle_plugin_packer"
)

// Packer decides which samples share a row.
type Packer interface {
	// Pack gives the bin of each sample, numbered from 0 without gaps. A bin holds at most capacity tokens and maxSamples samples, which is
	// math.MaxUint32 where there is no bound.
	Pack(lengths []uint32, capacity, maxSamples uint32) ([]uint32, error)
}

// ExportPacker makes a plugin of a packer. configure is called once, with the configuration read into a C.
func ExportPacker[C any, P Packer](configure func(config C) (P, error)) {
	var packer P
	exports.Describe = describe
	exports.Configure = func(config string) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		read, err := read[C](config)
		if err == nil {
			packer, err = configure(read)
		}
		return done(err)
	}
	exports.Pack = func(
		lengths []uint32, capacity uint32, maxSamples types.Option[uint32],
	) types.Result[[]uint32, curricle_plugin_types.Error] {
		enter()
		defer leave()
		return answer(packer.Pack(lengths, capacity, maxSamples.SomeOr(math.MaxUint32)))
	}
}
