package model

import (
	"errors"
	"fmt"
)

// Grades are cut-offs on the score, in descending order; the last one is 0.
type Grades []Grade

// Grade is what a score of at least MinScore is called.
type Grade struct {
	Grade    string `json:"grade"`
	MinScore int    `json:"min_score"`
}

// Of returns the first grade whose MinScore the score reaches.
func (g Grades) Of(score int) string {
	for _, grade := range g {
		if score >= grade.MinScore {
			return grade.Grade
		}
	}
	return ""
}

func (g Grades) validate() error {
	names := make(map[string]bool, len(g))
	for i, grade := range g {
		switch {
		case grade.Grade == "" || names[grade.Grade]:
			return fmt.Errorf("grades[%d].grade: wants a name that no other grade has", i)
		case grade.MinScore < 0 || grade.MinScore > 100:
			return fmt.Errorf("grades[%d].min_score: is outside 0 to 100", i)
		case i > 0 && grade.MinScore >= g[i-1].MinScore:
			return fmt.Errorf("grades[%d].min_score: is not less than the one before", i)
		}
		names[grade.Grade] = true
	}
	if len(g) == 0 || g[len(g)-1].MinScore != 0 {
		return errors.New("grades: the last min_score must be 0, or a score could have no grade")
	}
	return nil
}
