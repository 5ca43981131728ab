// How varied a sample is, in Go: the share of its tokens that are different ones.
package main

import (
	"math/bits"

	"curricle"
)

type Distinct struct{}

func configure(struct{}) (Distinct, error) { return Distinct{}, nil }

func (Distinct) Measure(samples curricle.Samples) (curricle.Column, error) {
	switch samples.Width {
	case 1:
		return measure[uint8](samples), nil
	case 2:
		return measure[uint16](samples), nil
	default:
		return measure[uint32](samples), nil
	}
}

// place of a hash table of token ids. One that holds the number of another sample is free, so there is nothing to clear between two.
type place struct{ token, sample uint32 }

func measure[T uint8 | uint16 | uint32](samples curricle.Samples) curricle.Float32 {
	longest := 0
	for i := range samples.Len() {
		longest = max(longest, len(curricle.Tokens[T](samples, i)))
	}
	// At most half full.
	table := make([]place, 2<<bits.Len(uint(longest)))
	mask := uint32(len(table) - 1)

	shares := make(curricle.Float32, samples.Len())
	for i := range shares {
		tokens := curricle.Tokens[T](samples, i)
		sample, distinct := uint32(i)+1, 0
		for _, token := range tokens {
			at := uint32(token) * 0x9e3779b1
			at = (at ^ at>>15) & mask
			for table[at].sample == sample && table[at].token != uint32(token) {
				at = (at + 1) & mask
			}
			if table[at].sample != sample {
				table[at] = place{uint32(token), sample}
				distinct++
			}
		}
		if len(tokens) > 0 {
			shares[i] = float32(float64(distinct) / float64(len(tokens)))
		}
	}
	return shares
}

func init() { curricle.ExportMetric(configure) }

func main() {}
