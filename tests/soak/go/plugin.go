// A policy that makes as much garbage as it can: in its own memory, in what the host lends and in what the host answers.
package main

import (
	"fmt"

	"curricle"
)

type Soak struct{ everything curricle.Stream }

func configure(struct{}) (*Soak, error) {
	everything, err := curricle.Open("everything")
	return &Soak{everything}, err
}

func (s *Soak) Fill(step curricle.Step, plan curricle.Plan) error {
	ids := s.everything.Take(4096)
	lengths, err := curricle.Values("length", ids)
	if err != nil {
		return err
	}
	// What the collector must not take while the host is asked for more: compared at the end.
	sum, text := 0.0, fmt.Sprint("step ", step.Index)
	for _, length := range lengths {
		sum += length
	}
	for range 4 {
		if err := plan.Annotate("", sum); err == nil {
			return curricle.DataError("a name without a byte was taken")
		}
		_ = fmt.Sprintf("%v %s", lengths[:64], text)
	}
	again, err := curricle.Values("length", ids)
	if err != nil {
		return err
	}
	for i, length := range again {
		if length != lengths[i] {
			return curricle.DataError("%s: sample %d had length %v, and has %v", text, ids[i], lengths[i], length)
		}
	}
	return plan.Append(ids[:plan.Size()])
}

func init() { curricle.ExportPolicy(configure) }

func main() {}
