package policy_test

import (
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
	"scored/pipeline/policy"
)

// limits are those that the tests go by, and no others: the config has its own defaults.
var limits = policy.Limits{
	MinRows: 0.7, MaxRows: 1.5, MaxRejected: 0.1, MaxMissing: 0.2, MaxFlat: 0.75, MaxFactor: 3, MaxChanged: 0.8, MaxJumped: 0.1, MaxNew: 0.3, MaxLeft: 0.2, MaxShift: 0.25, MinOverlap: 0.5,
	New: policy.NewLimits{MaxMissing: 0.3, MaxFactor: 10, MaxShift: 0.5, MinOverlap: 0.3},
}

// usual is a run of a thousand rows, with ten leads at each score from 0 to 99.
func usual(edits ...func(*pipeline.Profile)) pipeline.Profile {
	p := pipeline.Profile{Model: model, Read: 1000, Columns: []pipeline.ColumnProfile{
		{Name: "visits_30d", Varied: 800}, {Name: "budget", Missing: 600, Varied: 300}, {Name: "visits_1d", Varied: 100}, {Name: "promo"},
	}}
	for score := range 100 {
		p.Scores[score] = 10
	}
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

// column is a run of which one column is otherwise.
func column(name string, missing, varied int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		p.Columns = slices.Clone(p.Columns)
		i := slices.IndexFunc(p.Columns, func(c pipeline.ColumnProfile) bool { return c.Name == name })
		p.Columns[i].Missing, p.Columns[i].Varied = missing, varied
	}
}

func read(rows int) func(*pipeline.Profile) { return func(p *pipeline.Profile) { p.Read = rows } }
func past(p *pipeline.Profile)              { p.Past = true }
func rejected(n int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) { p.Rejected = n }
}
func by(name string) func(*pipeline.Profile) { return func(p *pipeline.Profile) { p.Model = name } }

// sized gives the first column numbers of a typical size, in so many rows.
func sized(typical float64, rows int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		p.Columns = slices.Clone(p.Columns)
		p.Columns[0].Typical, p.Columns[0].Sized = typical, rows
	}
}

// scoring gives so many leads every score up to the last but those below the first.
func scoring(each, first, last int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		p.Scores = pipeline.Histogram{}
		for score := first; score <= last; score++ {
			p.Scores[score] = each
		}
	}
}

// thin leaves so many leads at each of the ten lowest scores.
func thin(each int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		for score := range 10 {
			p.Scores[score] = each
		}
	}
}

// halves gives so many leads each of five scores below 50, and each of five above.
func halves(low, high int) func(*pipeline.Profile) {
	return func(p *pipeline.Profile) {
		p.Scores = pipeline.Histogram{}
		for bin := range 5 {
			p.Scores[bin*10], p.Scores[50+bin*10] = low, high
		}
	}
}

// small makes what rests on few rows or leads say nothing.
func small(p *pipeline.Profile) {
	p.Read, p.Scores = 40, pipeline.Histogram{}
	p.Scores[10] = 40
	for i := range p.Columns {
		p.Columns[i].Missing, p.Columns[i].Varied, p.Columns[i].Typical, p.Columns[i].Sized = 0, 0, 0, 0
	}
}

func TestAGuardHolds(t *testing.T) {
	twice := []pipeline.Profile{usual(), usual()}
	tests := []struct {
		name   string
		now    pipeline.Profile
		before []pipeline.Profile
		want   []string // the checks
		text   string   // of the first finding
	}{
		{"nothing of a run that is as usual", usual(), twice, nil, ""},
		{"seven tenths of the rows are enough", usual(read(700), column("budget", 420, 210)), twice, nil, ""},
		{"seven tenths of another number", usual(read(777), column("budget", 466, 230)), []pipeline.Profile{usual(read(1110), column("budget", 666, 333))}, nil, ""},
		{"less than that", usual(read(699), column("budget", 420, 210)), twice, []string{"rows"},
			"699 rows, and 1000 in the runs before: less than 70 % of them"},
		{"half the rows", usual(read(500), column("budget", 300, 150)), twice, []string{"rows"}, "500 rows"},
		{"half as many again are not too many", usual(read(1500), column("budget", 900, 450)), twice, nil, ""},
		{"more than that", usual(read(1501), column("budget", 900, 450)), twice, []string{"rows"},
			"1501 rows, and 1000 in the runs before: more than 150 % of them"},
		{"twice the rows", usual(read(2000), column("budget", 1200, 600)), twice, []string{"rows"}, "2000 rows"},
		{"half the rows, in the past", usual(read(500), column("budget", 300, 150), past), twice, nil, ""},
		{"scores like the reference, in the past", usual(past), []pipeline.Profile{usual(scoring(10, 50, 99))}, nil, ""},
		{"scores that are nothing like the reference, in the past", usual(scoring(10, 80, 99), past), twice, []string{"scores"}, "the model's reference"},
		{"a lost column, in the past", usual(column("visits_30d", 1000, 0), past), twice, []string{"column"}, "visits_30d is missing"},
		{"a column three times as large", usual(sized(60, 500)), []pipeline.Profile{usual(sized(20, 500))}, nil, ""},
		{"more than that, which is another unit", usual(sized(60.1, 500)), []pipeline.Profile{usual(sized(20, 500))}, []string{"column"},
			"visits_30d is typically 60.1, and 20 in the runs before: more than 3 times as much, or as little"},
		{"a thousandth", usual(sized(0.02, 500)), []pipeline.Profile{usual(sized(20, 500))}, []string{"column"}, "visits_30d is typically 0.02"},
		{"a column that is mostly 0", usual(sized(2000, 199)), []pipeline.Profile{usual(sized(20, 500))}, nil, ""},
		{"one that was so before", usual(sized(2000, 500)), []pipeline.Profile{usual(sized(20, 500)), usual(sized(20, 199))}, nil, ""},
		{"one of which the runs before say this and that", usual(sized(2000, 500)),
			[]pipeline.Profile{usual(sized(20, 500)), usual(sized(20, 500)), usual(sized(70, 500))}, nil, ""},
		{"few rows vary more", usual(small), []pipeline.Profile{usual(small, read(89))}, nil, ""},
		{"50 rows fewer are no chance", usual(small), []pipeline.Profile{usual(small, read(90))}, []string{"rows"}, "40 rows, and 90"},
		{"the median, whatever one run had", usual(), []pipeline.Profile{usual(read(1_000_000)), usual(), usual()}, nil, ""},
		{"a tenth of the rows rejected", usual(rejected(100)), twice, nil, ""},
		{"more than a tenth", usual(rejected(101)), twice, []string{"rejected"},
			"10.1 % of the rows were rejected, and 0 % in the runs before: more than 10 points above that"},
		{"points above the usual", usual(rejected(400)), []pipeline.Profile{usual(rejected(300))}, nil, ""},
		{"rejected in a first run", usual(rejected(101)), nil, []string{"rejected"}, "10.1 % of the rows"},
		{"nine rejected of few", usual(small, rejected(9)), []pipeline.Profile{usual(small)}, nil, ""},
		{"ten rejected of few", usual(small, rejected(10)), []pipeline.Profile{usual(small)}, []string{"rejected"}, "25 % of the rows"},
		{"a fifth more is missing", usual(column("budget", 800, 100)), twice, nil, ""},
		{"more than a fifth more", usual(column("budget", 801, 100)), twice, []string{"column"},
			"budget is missing in 80.1 % of the rows, and in 60 % of the runs before: more than 20 points above that"},
		{"what is missing mostly is missing always", usual(column("budget", 1000, 0)), []pipeline.Profile{usual(column("budget", 800, 150))},
			[]string{"column"}, "budget is missing in all rows, and never was in the runs before"},
		{"what was missing always before may be so again", usual(column("budget", 1000, 0)), []pipeline.Profile{usual(column("budget", 1000, 0)), usual(column("budget", 900, 50))},
			nil, ""},
		{"one value in all rows", usual(column("visits_30d", 0, 0)), twice, []string{"column"},
			"visits_30d differs from one and the same value in only 0 % of the rows, and in at least 80 % in the runs before: less than 25 % of that"},
		{"one value in all that are there", usual(column("budget", 600, 0)), twice, []string{"column"}, "budget differs from one and the same value in only 0 %"},
		{"a quarter of the variety", usual(column("visits_30d", 0, 200)), twice, nil, ""},
		{"less than that", usual(column("visits_30d", 0, 199)), twice, []string{"column"},
			"visits_30d differs from one and the same value in only 19.9 % of the rows, and in at least 80 % in the runs before: less than 25 % of that"},
		{"less variety, that a run before did not have either", usual(column("visits_30d", 0, 100)), []pipeline.Profile{usual(), usual(), usual(column("visits_30d", 0, 199))}, nil, ""},
		{"a quarter of the least that a run before had", usual(column("visits_30d", 0, 50)), []pipeline.Profile{usual(), usual(), usual(column("visits_30d", 0, 200))}, nil, ""},
		{"less than that", usual(column("visits_30d", 0, 49)), []pipeline.Profile{usual(), usual(), usual(column("visits_30d", 0, 200))}, []string{"column"},
			"visits_30d differs from one and the same value in only 4.9 % of the rows, and in at least 20 % in the runs before: less than 25 % of that"},
		{"a quarter of what the reference had", usual(column("budget", 600, 75)), []pipeline.Profile{usual(column("budget", 600, 400))}, nil, ""},
		{"one value as in a run before", usual(column("visits_30d", 0, 0)), []pipeline.Profile{usual(), usual(column("visits_30d", 0, 0))}, nil, ""},
		{"one value always", usual(), []pipeline.Profile{usual(), usual()}, nil, ""},
		{"today's visits, at midnight", usual(column("visits_1d", 0, 0)), []pipeline.Profile{usual(column("visits_1d", 0, 900))}, nil, ""},
		{"a column in a small result", usual(small, column("visits_30d", 40, 0)), twice[:1:1], []string{"rows"}, "40 rows"},
		{"scores that stand where they stood", usual(thin(3)), twice, nil, ""},
		{"scores of which a tenth is gone", usual(thin(0)), twice, []string{"scores"}, "stability index 0.53, above 0.25 and the 0.03 that may be chance"},
		{"scores that rose", usual(scoring(10, 50, 99)), twice, []string{"scores"},
			"they are distributed otherwise than in the runs before: stability index"},
		{"a hundred scores that may be so by chance", usual(halves(4, 16)), []pipeline.Profile{usual(halves(10, 10))}, nil, ""},
		{"a hundred times as many that are not", usual(halves(400, 1600)), []pipeline.Profile{usual(halves(1000, 1000))}, []string{"scores"},
			"stability index 0.42, above 0.25 and the 0.00 that may be chance"},
		{"few scores", usual(scoring(1, 51, 99)), []pipeline.Profile{usual(scoring(3, 0, 32))}, nil, ""},
		{"fifty scores", usual(scoring(1, 50, 99)), []pipeline.Profile{usual(scoring(4, 0, 32))}, []string{"scores"}, "stability index"},
		{"one score for everybody", usual(scoring(50, 50, 50)), []pipeline.Profile{usual(scoring(1, 0, 50))}, []string{"scores"}, "stability index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reference := usual()
			v := policy.NewGuard(limits)(&tt.now, &reference, tt.before)
			if got := checks(v); !slices.Equal(got, tt.want) {
				t.Fatalf("found %q: %+v, want %q", got, v.Findings, tt.want)
			}
			if len(tt.want) > 0 && !strings.Contains(v.Findings[0].Text, tt.text) {
				t.Errorf("says %q, want %q", v.Findings[0].Text, tt.text)
			}
		})
	}
}

func checks(v pipeline.Verdict) (names []string) {
	for _, f := range v.Findings {
		names = append(names, f.Check)
	}
	return names
}

// A first run has nothing to be compared with but the period that the model was tested on.
func TestAFirstRunIsComparedWithTheModelsReference(t *testing.T) {
	reference := usual(by("the reference's model does not matter"), sized(20, 500))
	tests := []struct {
		name string
		now  pipeline.Profile
		want []string
		text string
	}{
		{"as in the test period", usual(), nil, ""},
		{"of any size", usual(read(1_000_000), column("budget", 600_000, 300_000), column("visits_30d", 0, 800_000)), nil, ""},
		{"30 points more are missing", usual(column("visits_30d", 300, 500)), nil, ""},
		{"more than 30 points", usual(column("visits_30d", 301, 50)), []string{"column"},
			"visits_30d is missing in 30.1 % of the rows, and in 0 % of the model's reference: more than 30 points above that"},
		{"one value", usual(column("visits_30d", 0, 0)), []string{"column"}, "visits_30d differs from one and the same value in only 0 % of the rows, and in at least 80 % in the model's reference"},
		{"a column that the reference lacks", usual(func(p *pipeline.Profile) {
			p.Columns = append(slices.Clone(p.Columns), pipeline.ColumnProfile{Name: "beside", Missing: 1000})
		}), nil, ""},
		{"ten times as large", usual(sized(200, 500)), nil, ""},
		{"more than that", usual(sized(201, 500)), []string{"column"}, "visits_30d is typically 201, and 20 in the model's reference"},
		{"scores a little higher", usual(thin(1)), nil, ""},
		{"other scores", usual(scoring(10, 80, 99)), []string{"scores"}, "otherwise than in the model's reference: stability index"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := policy.NewGuard(limits)(&tt.now, &reference, nil)
			if got := checks(v); !slices.Equal(got, tt.want) {
				t.Fatalf("found %q: %+v, want %q", got, v.Findings, tt.want)
			}
			if len(tt.want) > 0 && !strings.Contains(v.Findings[0].Text, tt.text) {
				t.Errorf("says %q, want %q", v.Findings[0].Text, tt.text)
			}
		})
	}
}

// The first run with a script that gives one column more is compared with the reference in that column, and with the runs before
// in the others.
func TestAColumnThatNoRunHadIsComparedWithTheReference(t *testing.T) {
	without := usual(func(p *pipeline.Profile) { p.Columns = p.Columns[1:] })
	now, reference := usual(column("visits_30d", 290, 500), column("budget", 790, 100)), usual()
	if v := policy.NewGuard(limits)(&now, &reference, []pipeline.Profile{without}); len(v.Findings) != 0 {
		t.Errorf("found %+v", v.Findings)
	}
	now = usual(column("visits_30d", 310, 500), column("budget", 810, 100))
	v := policy.NewGuard(limits)(&now, &reference, []pipeline.Profile{without})
	if len(v.Findings) != 2 || !strings.Contains(v.Findings[0].Text, "reference") || !strings.Contains(v.Findings[1].Text, "runs before") {
		t.Errorf("found %+v", v.Findings)
	}
}

// A count of today falls to 0 at midnight, for everybody: where it is high in the hours before, and in the reference, a job does
// without the check.
func TestTheVarietyOfColumnsNeedNotBeLookedAt(t *testing.T) {
	now, reference := usual(column("visits_30d", 0, 0)), usual()
	without := limits
	without.MaxFlat = 1
	if v := policy.NewGuard(without)(&now, &reference, []pipeline.Profile{usual()}); len(v.Findings) != 0 {
		t.Errorf("found %+v", v.Findings)
	}
}
