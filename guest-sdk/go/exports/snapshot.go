// Package export_curricle_plugin_snapshot is what the bindings call; package curricle fills it in.
package export_curricle_plugin_snapshot

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
)

var (
	Save    func() []uint8
	Restore func(state []uint8) types.Result[types.Unit, curricle_plugin_types.Error]
)
