// Package curricle is for plugins of Curricle: policies, metrics, pacing functions and packers.
//
// A plugin is a main package with an empty main, which names its plugin in init: ExportPolicy, ExportMetric, ExportPacing or ExportPacker. What
// the functions mean is written in full in the contract, the files of wit. There is no clock, file or randomness, and what is printed reaches
// nobody: use Log. The same calls must give the same answers on every machine, so do not range over a map where the order matters.
package curricle

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"curricle/internal/runtime"
	"curricle/internal/types"
	"curricle/wit/curricle_plugin_logging"
	"curricle/wit/curricle_plugin_types"
	_ "curricle/wit/wit_exports" // what the host calls
)

// Level is how loud a log line is.
type Level = curricle_plugin_types.Level

const (
	Debug = curricle_plugin_types.LevelDebug
	Info  = curricle_plugin_types.LevelInfo
	Warn  = curricle_plugin_types.LevelWarn
	Error = curricle_plugin_types.LevelError
)

// Log speaks to a person. At most 1 KiB a line and 64 lines a call are kept.
func Log(level Level, format string, arguments ...any) {
	curricle_plugin_logging.Log(level, fmt.Sprintf(format, arguments...))
}

// refusal is an error in the contract's words.
type refusal struct {
	kind uint8
	text string
}

func (r refusal) Error() string { return r.text }

// ConfigError refuses a configuration with one sentence without a full stop. Name the key.
func ConfigError(format string, arguments ...any) error {
	return refusal{curricle_plugin_types.ErrorConfig, fmt.Sprintf(format, arguments...)}
}

// DataError says what the dataset lacks.
func DataError(format string, arguments ...any) error {
	return refusal{curricle_plugin_types.ErrorData, fmt.Sprintf(format, arguments...)}
}

// StateError says that a saved state, or a stream, does not fit.
func StateError(format string, arguments ...any) error {
	return refusal{curricle_plugin_types.ErrorState, fmt.Sprintf(format, arguments...)}
}

// Exhausted ends training, cleanly, when a policy returns it from Fill.
var Exhausted error = refusal{curricle_plugin_types.ErrorExhausted, "nothing is left to give"}

// lower makes the contract's error of any. One that is not of the kinds above is about the data.
func lower(err error) curricle_plugin_types.Error {
	var r refusal
	if !errors.As(err, &r) {
		return curricle_plugin_types.MakeErrorData(err.Error())
	}
	switch r.kind {
	case curricle_plugin_types.ErrorConfig:
		return curricle_plugin_types.MakeErrorConfig(err.Error())
	case curricle_plugin_types.ErrorState:
		return curricle_plugin_types.MakeErrorState(err.Error())
	case curricle_plugin_types.ErrorExhausted:
		return curricle_plugin_types.MakeErrorExhausted()
	default:
		return curricle_plugin_types.MakeErrorData(err.Error())
	}
}

// lift makes an error of Go of the contract's.
func lift(err curricle_plugin_types.Error) error {
	switch err.Tag() {
	case curricle_plugin_types.ErrorConfig:
		return refusal{err.Tag(), err.Config()}
	case curricle_plugin_types.ErrorData:
		return refusal{err.Tag(), err.Data()}
	case curricle_plugin_types.ErrorState:
		return refusal{err.Tag(), err.State()}
	default:
		return Exhausted
	}
}

// answered is what a call to the host gave, as Go has it.
func answered[T any](result types.Result[T, curricle_plugin_types.Error]) (T, error) {
	if result.IsErr() {
		var none T
		return none, lift(result.Err())
	}
	return result.Ok(), nil
}

// answer is what the host is given.
func answer[T any](value T, err error) types.Result[T, curricle_plugin_types.Error] {
	if err != nil {
		return types.Err[T, curricle_plugin_types.Error](lower(err))
	}
	return types.Ok[T, curricle_plugin_types.Error](value)
}

func done(err error) types.Result[types.Unit, curricle_plugin_types.Error] {
	return answer(types.Unit{}, err)
}

// enter begins a call of the host: memory that the last one brought is the collector's from here on.
func enter() { runtime.Unpin() }

// leave says why a plugin panics, before it ends: nobody sees what Go itself prints.
func leave() {
	if problem := recover(); problem != nil {
		Log(Error, "panic: %v", problem)
		panic(problem)
	}
}

func describe() curricle_plugin_types.Description {
	return curricle_plugin_types.Description{Name: name, Version: version, Summary: summary, ConfigSchema: schema}
}

// read reads a configuration. What C has no field for is refused.
func read[C any](text string) (C, error) {
	var config C
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&config)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return config, ConfigError("`%s`: found %s, but %s is needed", mismatch.Field, mismatch.Value, mismatch.Type)
	}
	if err != nil {
		return config, ConfigError("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return config, nil
}
