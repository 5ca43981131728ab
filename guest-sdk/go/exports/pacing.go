// Package export_curricle_plugin_pacing is what the bindings call; package curricle fills it in.
package export_curricle_plugin_pacing

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
)

var (
	Describe   func() curricle_plugin_types.Description
	Configure  func(config string) types.Result[types.Unit, curricle_plugin_types.Error]
	Difficulty func(step uint64) float64
)
