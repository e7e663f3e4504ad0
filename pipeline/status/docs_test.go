package status_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"scored/pipeline"
	"scored/pipeline/status"
)

// shapeOf is a metric's type and labels, as the registry or the page in docs has them.
type shapeOf struct {
	kind   string
	labels string
}

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`)
	seriesLine = regexp.MustCompile(`(?m)^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	labelName  = regexp.MustCompile(`(\w+)="`)
	docRow     = regexp.MustCompile("(?m)^\\| `(scored_\\w+)` \\| (\\w+) \\| ([^|]*)\\|")
	metricName = regexp.MustCompile(`\b(scored_[a-z_]+|process_[a-z_]+)\b`)
)

// registered reads name, type and labels of every metric off a scrape.
func registered(t *testing.T) map[string]shapeOf {
	t.Helper()
	s, _ := busy(t, time.Now())
	text := get(s, "/metrics").body
	all := map[string]shapeOf{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		all[m[1]] = shapeOf{kind: m[2]}
	}
	for _, m := range seriesLine.FindAllStringSubmatch(text, -1) {
		var labels []string
		for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels = append(labels, l[1])
			}
		}
		if shape, ok := all[m[1]]; ok {
			slices.Sort(labels)
			shape.labels = strings.Join(labels, " ")
			all[m[1]] = shape
		}
	}
	return all
}

func TestTheMetricsPageAndTheRegistryAgree(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	check(t, err)
	documented := map[string]shapeOf{}
	for _, m := range docRow.FindAllStringSubmatch(string(text), -1) {
		labels := strings.Fields(strings.NewReplacer("`", "", ",", "").Replace(m[3]))
		slices.Sort(labels)
		documented[m[1]] = shapeOf{kind: m[2], labels: strings.Join(labels, " ")}
	}
	registered := registered(t)
	for name, want := range registered {
		if got, ok := documented[name]; strings.HasPrefix(name, "scored_") && !ok {
			t.Errorf("docs/metrics.md lacks %s", name)
		} else if ok && got != want {
			t.Errorf("docs/metrics.md has %s as %v, the registry as %v", name, got, want)
		}
	}
	for name := range documented {
		if _, ok := registered[name]; !ok {
			t.Errorf("docs/metrics.md has %s, which is not there", name)
		}
	}
	if len(documented) < 15 {
		t.Errorf("only %d metrics were found in docs/metrics.md", len(documented))
	}
}

// What the operator copies must be where the daemon is.
func TestTheDefaultAddressIsNamed(t *testing.T) {
	config, err := os.ReadFile("../../configs/scored.yaml")
	check(t, err)
	listen := regexp.MustCompile(`(?m)^  listen: (127\.0\.0\.1:\d+) `).FindStringSubmatch(string(config))
	if listen == nil {
		t.Fatal("configs/scored.yaml has no status.listen")
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	check(t, err)
	for what, text := range map[string]string{"docs/metrics.md": string(page), "the hint": pipeline.HintOf(status.Valid(""))} {
		for _, named := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(text, -1) {
			if named != listen[1] {
				t.Errorf("%s names %s, the default is %s", what, named, listen[1])
			}
		}
		if !strings.Contains(text, listen[1]) {
			t.Errorf("%s does not name %s", what, listen[1])
		}
	}
}

func TestAlertsNameMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../systemd/alerts.yml")
	check(t, err)
	registered := registered(t)
	used := map[string]bool{}
	for _, m := range metricName.FindAllString(string(text), -1) {
		used[m] = true
		if _, ok := registered[m]; !ok {
			t.Errorf("systemd/alerts.yml uses %s, which is not there", m)
		}
	}
	for _, needed := range []string{
		"scored_last_success_timestamp_seconds", "scored_oldest_unsent_age_seconds", "scored_backlog_rows", "scored_api_quota_remaining",
		"scored_config_reload_success", "scored_build_info", "process_start_time_seconds",
	} {
		if !used[needed] {
			t.Errorf("no alert watches %s, only %v", needed, slices.Sorted(maps.Keys(used)))
		}
	}
}

// An alert on a label value that is never written is silent for ever.
func TestAlertsSelectLabelsThatExist(t *testing.T) {
	text, err := os.ReadFile("../../systemd/alerts.yml")
	check(t, err)
	s, _ := busy(t, time.Now())
	scrape := get(s, "/metrics").body
	selectors := regexp.MustCompile(`(scored_\w+)\{(\w+="\w+")\}`).FindAllStringSubmatch(string(text), -1)
	if len(selectors) == 0 {
		t.Fatal("no selector was found")
	}
	for _, m := range selectors {
		if !regexp.MustCompile(m[1] + `\{[^}]*` + m[2]).MatchString(scrape) {
			t.Errorf("no series of %s has %s", m[1], m[2])
		}
	}
}
