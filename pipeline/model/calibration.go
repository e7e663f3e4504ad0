package model

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// Calibration maps a forest's probability to the member's.
type Calibration struct {
	Method     string    `json:"method"` // sigmoid or isotonic
	A          *float64  `json:"a,omitempty"`
	B          *float64  `json:"b,omitempty"`
	X          []float64 `json:"x,omitempty"`          // ascending
	Y          []float64 `json:"y,omitempty"`          // ascending or descending, equal ones allowed
	Complement bool      `json:"complement,omitempty"` // the forest's class is not the positive one
}

func (c *Calibration) validate() error {
	switch c.Method {
	case "sigmoid":
		return c.validateSigmoid()
	case "isotonic":
		return c.validateIsotonic()
	}
	return fmt.Errorf("method: %q is neither sigmoid nor isotonic", c.Method)
}

func (c *Calibration) validateSigmoid() error {
	switch {
	case c.A == nil || c.B == nil:
		return errors.New("a sigmoid has a and b")
	case c.X != nil || c.Y != nil:
		return errors.New("a sigmoid has no x and no y")
	case !finite(*c.A) || !finite(*c.B):
		return errors.New("a and b are to be finite")
	}
	return nil
}

func (c *Calibration) validateIsotonic() error {
	switch {
	case c.A != nil || c.B != nil:
		return errors.New("an isotonic line has no a and no b")
	case len(c.X) == 0 || len(c.X) != len(c.Y):
		return fmt.Errorf("x and y are to have the same number of points, at least one, and have %d and %d", len(c.X), len(c.Y))
	}
	for i, x := range c.X {
		switch {
		case !finite(x):
			return fmt.Errorf("x[%d]: is not finite", i)
		case i > 0 && x <= c.X[i-1]:
			return fmt.Errorf("x[%d]: is not above the one before", i)
		case !(c.Y[i] >= 0 && c.Y[i] <= 1):
			return fmt.Errorf("y[%d]: is outside 0 to 1", i)
		}
	}
	rises := c.Y[0] <= c.Y[len(c.Y)-1]
	for i := 1; i < len(c.Y); i++ {
		if before, y := c.Y[i-1], c.Y[i]; rises && y < before || !rises && y > before {
			return fmt.Errorf("y[%d]: turns back: y either rises or falls", i)
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Apply returns the member's probability for the forest's.
func (c *Calibration) Apply(p float64) float64 {
	var q float64
	if c.Method == "sigmoid" {
		q = 1 / (1 + exp(float64(*c.A*p)+*c.B))
	} else {
		q = c.line(p)
	}
	if c.Complement {
		return 1 - q
	}
	return q
}

// line returns the isotonic line's height at p. What rounding puts beyond 0 or 1 is taken back.
func (c *Calibration) line(p float64) float64 {
	i := sort.Search(len(c.X), func(i int) bool { return c.X[i] > p }) // the first point behind p
	switch {
	case i == 0:
		return c.Y[0]
	case i == len(c.X) || c.X[i-1] == p:
		return c.Y[i-1]
	}
	slope := (c.Y[i] - c.Y[i-1]) / (c.X[i] - c.X[i-1])
	return min(max(float64(slope*(p-c.X[i-1]))+c.Y[i-1], 0), 1)
}

// falls says whether a higher probability of the forest's is a lower one of the member's: what speaks for the one speaks
// against the other.
func (c *Calibration) falls() bool {
	var falls bool
	if c.Method == "sigmoid" {
		falls = *c.A > 0
	} else {
		falls = c.Y[len(c.Y)-1] < c.Y[0]
	}
	return falls != c.Complement
}
