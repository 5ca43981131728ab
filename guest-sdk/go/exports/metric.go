// Package export_curricle_plugin_metric is what the bindings call; package curricle fills it in.
package export_curricle_plugin_metric

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_metric"
	"curricle/wit/curricle_plugin_types"
)

var (
	Describe   func() curricle_plugin_types.Description
	Configure  func(config string) types.Result[curricle_plugin_metric.Needs, curricle_plugin_types.Error]
	Accumulate func(pass uint32, samples curricle_plugin_metric.Samples) types.Result[types.Unit, curricle_plugin_types.Error]
	Partial    func(pass uint32) []uint8
	Merge      func(pass uint32, partials [][]uint8) types.Result[[]uint8, curricle_plugin_types.Error]
	Finish     func(pass uint32, merged []uint8) types.Result[types.Unit, curricle_plugin_types.Error]
	Totals     func() []float64
	Measure    func(samples curricle_plugin_metric.Samples) types.Result[curricle_plugin_metric.Values, curricle_plugin_types.Error]
)
