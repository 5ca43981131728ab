// {{summary}}.
package main

import "curricle"

// {{Name}} is what the run file says in [pacing.NAME] config, and all that there is to it.
type {{Name}} struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Steps uint64  `json:"steps"`
}

func configure(config {{Name}}) ({{Name}}, error) { return config, nil }

func (p {{Name}}) Difficulty(step uint64) float64 {
	done := float64(min(step, p.Steps)) / float64(p.Steps)
	return p.From + float64((p.To-p.From)*done)
}

func init() { curricle.ExportPacing(configure) }

func main() {}
