// Package export_curricle_plugin_packer is what the bindings call; package curricle fills it in.
package export_curricle_plugin_packer

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
)

var (
	Describe  func() curricle_plugin_types.Description
	Configure func(config string) types.Result[types.Unit, curricle_plugin_types.Error]
	Pack      func(lengths []uint32, capacity uint32, maxSamples types.Option[uint32]) types.Result[[]uint32, curricle_plugin_types.Error]
)
