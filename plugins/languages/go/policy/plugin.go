// Short samples first, in Go: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps.
package main

import (
	"fmt"
	"math"

	"curricle"
)

type Config struct {
	Column string
	From   float64
	Steps  uint64
}

type WarmUp struct{ Config }

func configure(config Config) (*WarmUp, error) {
	return &WarmUp{config}, nil
}

func (w *WarmUp) Fill(step curricle.Step, plan curricle.Plan) error {
	fraction := w.From + (1-w.From)*float64(min(step.Index, w.Steps))/float64(w.Steps)
	// In sixteenths, rounded up, so that there are few streams.
	part := min(math.Ceil(fraction*16), 16)
	stream, err := curricle.Open(fmt.Sprintf("up to %v/16", part), curricle.Quantiles(w.Column, 0, part/16))
	if err != nil {
		return err
	}
	if err := plan.Annotate("fraction", fraction); err != nil {
		return err
	}
	return plan.Draw(stream, plan.Size())
}

func init() { curricle.ExportPolicy(configure) }

func main() {}
