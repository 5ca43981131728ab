// {{summary}}.
package main

import (
	"encoding/json"

	"curricle"
)

// Config is what the run file says in [policy.config].
type Config struct {
	Share float64 `json:"share"`
	After int     `json:"after"`
}

type {{Name}} struct {
	Config
	all curricle.Stream
	// waiting is what was new in each of the last steps and is to come again, the oldest first.
	waiting [][]uint64
}

func configure(config Config) (*{{Name}}, error) {
	all, err := curricle.Open("all")
	return &{{Name}}{Config: config, all: all}, err
}

func (p *{{Name}}) Fill(step curricle.Step, plan curricle.Plan) error {
	most := int(float64(plan.Size()) * p.Share)
	var again []uint64
	if len(p.waiting) >= p.After {
		again = p.waiting[0]
		again = again[:min(len(again), most)]
		p.waiting = p.waiting[1:]
	}
	fresh := p.all.Take(plan.Size() - uint32(len(again)))
	if err := plan.Append(again); err != nil {
		return err
	}
	p.waiting = append(p.waiting, fresh[:min(len(fresh), most)])
	return plan.Append(fresh)
}

func (p *{{Name}}) Save() []byte {
	// Lists of numbers can always be written.
	state, _ := json.Marshal(p.waiting)
	return state
}

func (p *{{Name}}) Restore(state []byte) error {
	if err := json.Unmarshal(state, &p.waiting); err != nil {
		return curricle.StateError("%v", err)
	}
	return nil
}

func init() { curricle.ExportStatefulPolicy(configure) }

func main() {}
