// Package export_curricle_plugin_policy is what the bindings call; package curricle fills it in.
package export_curricle_plugin_policy

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_policy"
	"curricle/wit/curricle_plugin_types"
)

var (
	Describe  func() curricle_plugin_types.Description
	Configure func(config string) types.Result[types.Unit, curricle_plugin_types.Error]
	Fill      func(step curricle_plugin_policy.Step) types.Result[types.Unit, curricle_plugin_types.Error]
)
