package curricle

import (
	"unsafe"

	"curricle/internal/types"
	"curricle/wit/curricle_plugin_metric"
	"curricle/wit/curricle_plugin_types"
	exports "curricle/wit/export_curricle_plugin_metric"
)

// Samples are consecutive ones laid end to end.
type Samples struct {
	// First is the id of the first.
	First uint64
	// Width is the number of bytes of a token: 1, 2 or 4.
	Width uint8
	// Offsets are counted in tokens: sample i is those from Offsets[i] up to, but without, Offsets[i+1].
	Offsets []uint32
	bytes   []byte
}

// Len is the number of samples.
func (s Samples) Len() int { return len(s.Offsets) - 1 }

// Tokens gives those of sample i. T is the type of Width bytes: uint8, uint16 or uint32.
func Tokens[T uint8 | uint16 | uint32](s Samples, i int) []T {
	size := uint32(unsafe.Sizeof(T(0)))
	if size != uint32(s.Width) {
		panic("Tokens was asked for another width than Samples.Width")
	}
	bytes := s.bytes[s.Offsets[i]*size : s.Offsets[i+1]*size]
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(bytes))), len(bytes)/int(size))
}

// Column is one value per sample, whose type decides that of the stored column: Float32, Float64, Uint32 or Uint64.
type Column interface{ lower() curricle_plugin_metric.Values }

type (
	Float32 []float32
	Float64 []float64
	Uint32  []uint32
	Uint64  []uint64
)

func (c Float32) lower() curricle_plugin_metric.Values { return curricle_plugin_metric.MakeValuesFloat32(c) }
func (c Float64) lower() curricle_plugin_metric.Values { return curricle_plugin_metric.MakeValuesFloat64(c) }
func (c Uint32) lower() curricle_plugin_metric.Values  { return curricle_plugin_metric.MakeValuesUint32(c) }
func (c Uint64) lower() curricle_plugin_metric.Values  { return curricle_plugin_metric.MakeValuesUint64(c) }

// Metric gives samples values. One that asks for passes is also a Passes, one that needs no tokens or gives no values says its Needs, one that
// finds numbers about the whole dataset gives Totals.
type Metric interface {
	// Measure gives the values of a chunk; they may not depend on other chunks.
	Measure(samples Samples) (Column, error)
}

// Needs is what an instance asks of the host.
type Needs struct {
	// Passes over the whole dataset before Measure, at most 16.
	Passes uint32
	// Tokens says whether it reads any.
	Tokens bool
	// Values says whether samples have some.
	Values bool
}

// Needing is a metric that needs something else than tokens, once, for values.
type Needing interface{ Needs() Needs }

// Passes is a metric that looks at the whole dataset first.
type Passes interface {
	// Accumulate takes one chunk of a pass.
	Accumulate(pass uint32, samples Samples) error
	// Partial gives what was accumulated since the last time, and empties it.
	Partial(pass uint32) []byte
	// Merge joins partial results of consecutive chunks, in order.
	Merge(pass uint32, partials [][]byte) ([]byte, error)
	// Finish takes the result of the pass.
	Finish(pass uint32, merged []byte) error
}

// Totals is a metric that finds numbers about the dataset.
type Totals interface{ Totals() []float64 }

// ExportMetric makes a plugin of a metric. configure is called once per instance, with the configuration read into a C.
func ExportMetric[C any, M Metric](configure func(config C) (M, error)) {
	var metric M
	passes := func(pass uint32) (Passes, error) {
		if passes, has := any(metric).(Passes); has {
			return passes, nil
		}
		return nil, DataError("the metric has no passes, and pass %d was asked for", pass)
	}
	exports.Describe = describe
	exports.Configure = func(config string) types.Result[curricle_plugin_metric.Needs, curricle_plugin_types.Error] {
		enter()
		defer leave()
		needs := Needs{0, true, true}
		read, err := read[C](config)
		if err == nil {
			metric, err = configure(read)
		}
		if needing, has := any(metric).(Needing); has && err == nil {
			needs = needing.Needs()
		}
		return answer(curricle_plugin_metric.Needs(needs), err)
	}
	exports.Accumulate = func(pass uint32, samples curricle_plugin_metric.Samples) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		passes, err := passes(pass)
		if err == nil {
			err = passes.Accumulate(pass, view(samples))
		}
		return done(err)
	}
	exports.Partial = func(pass uint32) []uint8 {
		enter()
		defer leave()
		if passes, err := passes(pass); err == nil {
			return passes.Partial(pass)
		}
		return nil
	}
	exports.Merge = func(pass uint32, partials [][]uint8) types.Result[[]uint8, curricle_plugin_types.Error] {
		enter()
		defer leave()
		passes, err := passes(pass)
		var merged []byte
		if err == nil {
			merged, err = passes.Merge(pass, partials)
		}
		return answer(merged, err)
	}
	exports.Finish = func(pass uint32, merged []uint8) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		passes, err := passes(pass)
		if err == nil {
			err = passes.Finish(pass, merged)
		}
		return done(err)
	}
	exports.Totals = func() []float64 {
		enter()
		defer leave()
		if totals, has := any(metric).(Totals); has {
			return totals.Totals()
		}
		return nil
	}
	exports.Measure = func(samples curricle_plugin_metric.Samples) types.Result[curricle_plugin_metric.Values, curricle_plugin_types.Error] {
		enter()
		defer leave()
		column, err := metric.Measure(view(samples))
		if err == nil && column == nil {
			err = DataError("`Measure` gave neither values nor an error")
		}
		var values curricle_plugin_metric.Values
		if err == nil {
			values = column.lower()
		}
		return answer(values, err)
	}
}

func view(samples curricle_plugin_metric.Samples) Samples {
	return Samples{samples.First, samples.Width, samples.Offsets, samples.Tokens}
}
