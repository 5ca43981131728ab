package curricle

import (
	"math"

	"curricle/internal/types"
	"curricle/wit/curricle_plugin_dataset"
	"curricle/wit/curricle_plugin_pacings"
	"curricle/wit/curricle_plugin_plan"
	"curricle/wit/curricle_plugin_policy"
	"curricle/wit/curricle_plugin_streams"
	"curricle/wit/curricle_plugin_types"
	exports "curricle/wit/export_curricle_plugin_policy"
)

// Step is where training stands, counted from its start.
type Step struct {
	// Index of the global batch.
	Index uint64
	// ConsumedSamples in the global batches before this one.
	ConsumedSamples uint64
	// ConsumedTokens in them, after truncation; 0 where the run file does not count them.
	ConsumedTokens uint64
}

// Policy decides what each global batch holds.
type Policy interface {
	// Fill fills the plan of one global batch: what it draws and appends must come to plan.Size() samples.
	Fill(step Step, plan Plan) error
}

// ExportPolicy makes a plugin of a policy. configure is called once, before the first step, with the configuration read into a C: it opens the
// streams that the policy knows it will draw from.
func ExportPolicy[C any, P Policy](configure func(config C) (P, error)) {
	var policy P
	exports.Describe = describe
	exports.Configure = func(config string) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		read, err := read[C](config)
		if err == nil {
			policy, err = configure(read)
		}
		return done(err)
	}
	exports.Fill = func(step curricle_plugin_policy.Step) types.Result[types.Unit, curricle_plugin_types.Error] {
		enter()
		defer leave()
		return done(policy.Fill(Step{step.Index, step.ConsumedSamples, step.ConsumedTokens.SomeOr(0)}, Plan{}))
	}
	current = func() any { return policy }
}

// current is the policy that was configured, for those that remember things.
var current func() any

// Condition on one column.
type Condition = curricle_plugin_dataset.Condition

// Between is above < value ≤ atMost; an infinite side is open.
func Between(column string, above, atMost float64) Condition {
	side := func(bound float64, open int) types.Option[float64] {
		if math.IsInf(bound, open) {
			return types.None[float64]()
		}
		return types.Some(bound)
	}
	between := curricle_plugin_dataset.Between{Column: column, Above: side(above, -1), AtMost: side(atMost, 1)}
	return curricle_plugin_dataset.MakeConditionBetween(between)
}

// Quantiles is the part of the column's ascending order from one fraction up to, but without, another.
func Quantiles(column string, from, to float64) Condition {
	return curricle_plugin_dataset.MakeConditionQuantiles(curricle_plugin_dataset.Quantiles{Column: column, From: from, To: to})
}

// Category is the samples whose category is one of these codes.
func Category(column string, codes ...uint32) Condition {
	return curricle_plugin_dataset.MakeConditionCategory(curricle_plugin_dataset.Category{Column: column, Codes: codes})
}

// Order is how a stream runs through its samples.
type Order = curricle_plugin_streams.Order

// Shuffled is a random order that is new each epoch: every sample once before any sample twice.
func Shuffled() Order { return curricle_plugin_streams.MakeOrderShuffled() }

// Independent is each draw independent of the others, with replacement.
func Independent() Order { return curricle_plugin_streams.MakeOrderIndependent() }

// Sequential is ascending by sample id, again and again.
func Sequential() Order { return curricle_plugin_streams.MakeOrderSequential() }

// Ascending is ascending by a column of numbers, again and again.
func Ascending(column string) Order { return curricle_plugin_streams.MakeOrderAscending(column) }

// Stream is an open stream; names are what lasts.
type Stream uint32

// Open opens the endless stream, shuffled, of the samples that meet every condition. Opening a name again goes on where it stood.
func Open(name string, conditions ...Condition) (Stream, error) {
	return OpenOrdered(name, Shuffled(), conditions...)
}

// OpenOrdered is Open with an order.
func OpenOrdered(name string, order Order, conditions ...Condition) (Stream, error) {
	stream, err := answered(curricle_plugin_streams.Open(name, conditions, order))
	return Stream(stream), err
}

// Len is the number of samples in one epoch of the stream.
func (s Stream) Len() uint64 { return curricle_plugin_streams.Length(uint32(s)) }

// Position is the number of samples drawn so far, over all epochs.
func (s Stream) Position() uint64 { return curricle_plugin_streams.Position(uint32(s)) }

// Take draws samples for the policy to look at before it appends some. They count as drawn. Only in Fill.
func (s Stream) Take(count uint32) []uint64 { return curricle_plugin_streams.Take(uint32(s), count) }

// Plan is the global batch in the making.
type Plan struct{}

// Size is the number of samples asked for.
func (Plan) Size() uint32 { return curricle_plugin_plan.Size() }

// Draw adds the next samples of a stream.
func (Plan) Draw(stream Stream, count uint32) error {
	_, err := answered(curricle_plugin_plan.Draw([]uint32{uint32(stream)}, []uint32{count}))
	return err
}

// DrawFrom adds the next counts[i] samples of streams[i], for every i, in one call.
func (Plan) DrawFrom(streams []Stream, counts []uint32) error {
	numbers := make([]uint32, len(streams))
	for i, stream := range streams {
		numbers[i] = uint32(stream)
	}
	_, err := answered(curricle_plugin_plan.Draw(numbers, counts))
	return err
}

// Append adds these samples.
func (Plan) Append(ids []uint64) error {
	_, err := answered(curricle_plugin_plan.Append(ids))
	return err
}

// Truncate cuts every sample of the batch to its first tokens.
func (Plan) Truncate(tokens uint32) { curricle_plugin_plan.Truncate(tokens) }

// Annotate puts a finite number beside the batch for the trainer to read.
func (Plan) Annotate(name string, value float64) error {
	_, err := answered(curricle_plugin_plan.Annotate(name, value))
	return err
}

// Ordered keeps the samples in the order in which they were added.
func (Plan) Ordered() { curricle_plugin_plan.Ordered() }

// Difficulty asks a pacing function of the run file.
func Difficulty(pacing string, step uint64) (float64, error) {
	return answered(curricle_plugin_pacings.Difficulty(pacing, step))
}

// Len is the number of samples in the dataset.
func Len() uint64 { return curricle_plugin_dataset.Len() }

// Column is a column without its values. Of a category, Max is the number of categories less 1.
type Column struct {
	Name       string
	IsCategory bool
	Min, Max   float64
}

// Columns gives those that the policy may ask about.
func Columns() []Column {
	found := curricle_plugin_dataset.Columns()
	columns := make([]Column, len(found))
	for i, column := range found {
		columns[i] = Column{column.Name, column.Kind == curricle_plugin_dataset.ColumnKindCategory, column.Min, column.Max}
	}
	return columns
}

// Values gives those of the samples, in order; a category's are its codes.
func Values(column string, ids []uint64) ([]float64, error) {
	return answered(curricle_plugin_dataset.Values(column, ids))
}

// Quantile is the smallest value v such that at least the fraction q of the samples is ≤ v.
func Quantile(column string, q float64) (float64, error) {
	return answered(curricle_plugin_dataset.Quantile(column, q))
}

// Named is a category, and how many samples are of it.
type Named struct {
	Name    string
	Samples uint64
}

// Categories gives those of a column, by code.
func Categories(column string) ([]Named, error) {
	found, err := answered(curricle_plugin_dataset.Categories(column))
	categories := make([]Named, len(found))
	for i, category := range found {
		categories[i] = Named{category.F0, category.F1}
	}
	return categories, err
}

// Count is the number of samples that meet every condition.
func Count(conditions ...Condition) (uint64, error) {
	return answered(curricle_plugin_dataset.Count(conditions))
}
