package curricle

import (
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_types"
	exports "curricle/wit/export_curricle_plugin_snapshot"
)

// StatefulPolicy is a policy that remembers more than the positions of its streams.
type StatefulPolicy interface {
	Policy
	// Save gives what it remembers; called between steps, it changes nothing. A few hundred bytes are good manners.
	Save() []byte
	// Restore takes up what was saved, after the policy was configured.
	Restore(state []byte) error
}

// ExportStatefulPolicy is ExportPolicy for a policy with a memory.
func ExportStatefulPolicy[C any, P StatefulPolicy](configure func(config C) (P, error)) {
	ExportPolicy(configure)
	exports.Save = func() []uint8 {
		enter()
		defer leave()
		return current().(StatefulPolicy).Save()
	}
	exports.Restore = func(state []uint8) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		return done(current().(StatefulPolicy).Restore(state))
	}
}
