package curricle

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
	exports "curricle/wit/export_curricle_plugin_pacing"
)

// Pacing says how hard the data may be.
type Pacing interface {
	// Difficulty at a step: a finite number, the same for the same step however often it is asked.
	Difficulty(step uint64) float64
}

// ExportPacing makes a plugin of a pacing function. configure is called once, with the configuration read into a C.
func ExportPacing[C any, P Pacing](configure func(config C) (P, error)) {
	var pacing P
	exports.Describe = describe
	exports.Configure = func(config string) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		read, err := read[C](config)
		if err == nil {
			pacing, err = configure(read)
		}
		return done(err)
	}
	exports.Difficulty = func(step uint64) float64 {
		enter()
		defer leave()
		return pacing.Difficulty(step)
	}
}
