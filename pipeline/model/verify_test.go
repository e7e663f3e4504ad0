package model

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// verify returns what Verify gives, and every wrong row as "line: problem".
func verify(t *testing.T, b *Bundle, text string) (v Verification, wrong []string, err error) {
	t.Helper()
	v, err = b.Verify(strings.NewReader(text), func(line int, problem string) {
		wrong = append(wrong, fmt.Sprintf("%d: %s", line, problem))
	})
	return v, wrong, err
}

func TestVerifyFindsEveryBundleRight(t *testing.T) {
	for _, name := range cases(t) {
		b := load(t, name)
		data, err := os.ReadFile("testdata/" + name + ".rows.csv")
		if err != nil {
			t.Fatal(err)
		}
		_, want := secondOpinion(t, b, name)
		refused := 0
		for _, p := range want {
			if p != p {
				refused++
			}
		}
		v, wrong, err := verify(t, b, string(data))
		if err != nil || len(wrong) > 0 {
			t.Fatalf("%s: %v, %q", name, err, wrong)
		}
		if v.Rows != len(want) || v.Refused != refused || v.Scored != len(want)-refused || v.Wrong != 0 ||
			v.MaxDifference > tolerated(b) || tolerated(b) == 0 && v.Equal != v.Scored {
			t.Errorf("%s: got %+v of %d rows, %d refused", name, v, len(want), refused)
		}
	}
}

// The first golden row of bare_forest, and what it gives.
const (
	firstStage, firstDays, firstAge = "-1.0", "24.546109009556538", "38.5"
	firstProbability                = "0.012724117987275883"
)

func TestVerify(t *testing.T) {
	b := load(t, "bare_forest")
	rows := "\ufeffage,lead,probability,stage,days\n" +
		"38.5,\"a\nb\",0.012724117987275883,-1.0,24.546109009556538\n" + // lines 2 and 3
		"38.5,,0.0127241179872759,-1.0,24.546109009556538\n" + // within the tolerance
		"38.5,,0.5,-1.0,24.546109009556538\n" +
		"inf,,refused,-1.0,24.546109009556538\n" +
		"38.5,,refused,-1,24.546109009556538\n" +
		"38.5,,0.5,-inf,24.546109009556538\n" +
		"38.5,,0,True,\n"
	v, wrong, err := verify(t, b, rows)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"5: the probability differs by 0.49 from what the fitted pipeline gave",
		"7: is scored, and the fitted pipeline refused it",
		`8: is rejected (column "stage": infinite), and the fitted pipeline scored it`,
	}
	if len(wrong) != 4 || !slices.Equal(wrong[:3], want) || !strings.HasPrefix(wrong[3], "9: the probability differs by") {
		t.Errorf("got %q", wrong)
	}
	if v.Rows != 7 || v.Scored != 5 || v.Refused != 2 || v.Equal != 1 || v.Wrong != 4 || v.MaxDifference < 0.4 {
		t.Errorf("got %+v", v)
	}
}

// Python, scored dataset and spreadsheets write the same numbers in ways of their own.
func TestVerifyReadsNumbersAsTheyAreWritten(t *testing.T) {
	b := load(t, "bare_forest")
	for _, tt := range []struct{ days, probability string }{
		{"inf", "refused"}, {"+Inf", "refused"}, {"-Inf", "refused"}, {"-inf", "refused"}, {"Infinity", "refused"},
		{firstDays, firstProbability}, {"2.4546109009556538E+01", firstProbability},
		{"+2.4546109009556538e1", "1.2724117987275883E-02"},
	} {
		v, wrong, err := verify(t, b, "stage,days,age,probability\n"+firstStage+","+tt.days+","+firstAge+","+tt.probability+"\n")
		if err != nil || len(wrong) > 0 || v.Rows != 1 || v.Refused+v.Equal != 1 {
			t.Errorf("%s: got %+v, %q, %v", tt.days, v, wrong, err)
		}
	}
	for _, days := range []string{"nan", "+NaN", "0x1p4", "0xInf", "1_0", "1e999", "infinite", "1,5", " 1", "E", "--1"} {
		_, _, err := verify(t, b, "stage,days,age,probability\n"+firstStage+`,"`+days+`",`+firstAge+",0.5\n")
		wantRefusal(t, err, `line 2: column "days": is not a number; leave missing values empty`)
	}
}

// Spreadsheets put a mark before the header, quoted or not.
func TestVerifyReadsAQuotedHeaderBehindAMark(t *testing.T) {
	values := strings.Join([]string{firstStage, firstDays, firstAge, firstProbability}, ",") + "\n"
	b := load(t, "bare_forest")
	for _, header := range []string{"stage,days,age,probability\n", `"stage","days",age,probability` + "\r\n"} {
		for _, mark := range []string{"", "\ufeff"} {
			v, wrong, err := verify(t, b, mark+header+values)
			if err != nil || v.Rows != 1 || v.Equal != 1 || len(wrong) > 0 {
				t.Errorf("%q: got %+v, %q, %v", mark+header, v, wrong, err)
			}
		}
	}
	_, _, err := verify(t, b, "\ufeff\ufeffstage,days,age,probability\n")
	wantRefusal(t, err, `column "stage" is missing`)
	_, _, err = verify(t, b, "\ufeff")
	wantRefusal(t, err, "is empty")
}

func TestVerifyReadsManyRows(t *testing.T) {
	b := load(t, "bare_forest")
	line := strings.Join([]string{firstStage, firstDays, firstAge, firstProbability}, ",") + "\n"
	bad := strings.Replace(line, firstProbability, "refused", 1)
	v, wrong, err := verify(t, b, "stage,days,age,probability\n"+strings.Repeat(line, 3*rowBlock)+bad)
	if err != nil || v.Rows != 3*rowBlock+1 || v.Equal != 3*rowBlock || len(wrong) != 1 ||
		!strings.HasPrefix(wrong[0], fmt.Sprintf("%d: is scored", 3*rowBlock+2)) {
		t.Errorf("got %+v, %q, %v", v, wrong, err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	b := load(t, "bare_forest")
	tests := []struct{ name, text, want string }{
		{"nothing", "", "is empty"},
		{"a header only", "stage,days,age,probability\n", "has no rows"},
		{"a missing value spelled out", "stage,days,age,probability\n1,nan,3,0.5\n",
			`line 2: column "days": is not a number; leave missing values empty`},
		{"columns missing", "stage,Age,p\n", `line 1: column "days" is missing; column "age" is missing; column "probability" is missing`},
		{"a column twice", "stage,days,age,probability,days\n", `line 1: column "days" comes twice`},
		{"three times", "stage,days,age,probability,age,age\n", `line 1: column "age" comes twice`},
		{"not a number", "stage,days,age,probability\n1,2,3,0.5\n1,secret,3,0.5\n", `line 3: column "days": is not a number`},
		{"no probability", "stage,days,age,probability\n1,2,3,\n", "line 2: the probability is neither"},
		{"a field too few", "stage,days,age,probability\n1,2,3\n", "wrong number of fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := verify(t, b, tt.text)
			wantRefusal(t, err, tt.want)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}
