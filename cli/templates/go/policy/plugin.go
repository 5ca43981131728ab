// {{summary}}.
package main

import (
	"math"

	"curricle"
)

// Config is what the run file says in [policy.config].
type Config struct {
	AtMost float64 `json:"at-most"`
	Steps  uint64  `json:"steps"`
}

type {{Name}} struct {
	short, all curricle.Stream
	steps      uint64
}

func configure(config Config) (*{{Name}}, error) {
	short, err := curricle.Open("short", curricle.Between("seqlen", math.Inf(-1), config.AtMost))
	if err != nil {
		return nil, err
	}
	all, err := curricle.Open("all")
	return &{{Name}}{short, all, config.Steps}, err
}

func (p *{{Name}}) Fill(step curricle.Step, plan curricle.Plan) error {
	if step.Index < p.steps {
		return plan.Draw(p.short, plan.Size())
	}
	return plan.Draw(p.all, plan.Size())
}

func init() { curricle.ExportPolicy(configure) }

func main() {}
