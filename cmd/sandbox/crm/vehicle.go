package crm

import "slices"

// vehicle is an offer on the web site.
type vehicle struct {
	id, price, mileage int
	taste
}

// taste is what kind of vehicle it is, or somebody would like.
type taste struct{ brand, body, fuel string }

const numVehicles = 600

func newVehicles(seed uint64) []vehicle {
	c := newChance(seed, forVehicles, 0, 0)
	vehicles := make([]vehicle, numVehicles)
	for i := range vehicles {
		vehicles[i] = vehicle{
			id: 10000 + i, price: int(c.skewed(21000, 0.45)) / 10 * 10, mileage: c.IntN(160) * 1000, taste: c.fancy(),
		}
	}
	return vehicles
}

// fancy draws a taste.
func (c chance) fancy() taste { return taste{c.of(brands), c.of(bodies), c.of(fuels)} }

// choose returns a vehicle for the lead to look at: one it has seen before, the more often the more it wants one, or
// another, which is near its taste and money more often than not.
func (l *life) choose(intent float64) vehicle {
	if len(l.favourites) > 0 && l.yes(0.2+0.4*logistic(intent)) {
		return l.favourites[l.IntN(len(l.favourites))]
	}
	v := l.world.vehicles[l.IntN(numVehicles)]
	for range 6 {
		if (v.brand == l.taste.brand || v.body == l.taste.body) && v.price < l.budget*5/4 {
			break
		}
		v = l.world.vehicles[l.IntN(numVehicles)]
	}
	if l.yes(0.15) {
		l.favourites = append(l.favourites, v)
		l.favourites = slices.Delete(l.favourites, 0, max(0, len(l.favourites)-3))
	}
	return v
}
