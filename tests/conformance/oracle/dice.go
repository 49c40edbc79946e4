package main

import (
	"hash/fnv"
	"math/rand/v2"
)

// dice chooses. The same seed, kind and index choose the same.
type dice struct{ *rand.Rand }

func newDice(seed uint64, kind string, index int) dice {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(kind))
	return dice{rand.New(rand.NewPCG(seed, hash.Sum64()+uint64(index)))}
}

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// between chooses a whole number from low to high.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

// one of the values.
func one[T any](d dice, values ...T) T { return values[d.IntN(len(values))] }

// mostly the first value; in that percentage of cases one of the others.
func mostly[T any](d dice, percent int, usual T, others ...T) T {
	if d.chance(percent) {
		return one(d, others...)
	}
	return usual
}

// weighted chooses a function by weight and calls it.
type weighted struct {
	weight int
	do     func()
}

func (d dice) choose(among ...weighted) {
	total := 0
	for _, each := range among {
		total += each.weight
	}
	left := d.IntN(total)
	for _, each := range among {
		if left < each.weight {
			each.do()
			return
		}
		left -= each.weight
	}
}
