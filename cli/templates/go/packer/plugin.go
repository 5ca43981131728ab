// {{summary}}.
package main

import "curricle"

// Config is what the run file says in packer = { config = … }.
type Config struct {
	Open *int `json:"open"`
}

type {{Name}} struct{ open int }

func configure(config Config) ({{Name}}, error) {
	if config.Open == nil {
		return {{Name}}{8}, nil
	}
	return {{Name}}{*config.Open}, nil
}

func (p {{Name}}) Pack(lengths []uint32, capacity, maxSamples uint32) ([]uint32, error) {
	type row struct{ tokens, samples uint32 }
	var rows []row
	bins := make([]uint32, len(lengths))
	for i, length := range lengths {
		place := max(len(rows)-p.open, 0)
		for place < len(rows) && (length > capacity-rows[place].tokens || rows[place].samples == maxSamples) {
			place++
		}
		if place == len(rows) {
			rows = append(rows, row{})
		}
		rows[place].tokens += length
		rows[place].samples++
		bins[i] = uint32(place)
	}
	return bins, nil
}

func init() { curricle.ExportPacker(configure) }

func main() {}
