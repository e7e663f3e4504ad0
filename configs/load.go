package configs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"scored/pipeline"
)

// maxBytes is far more than a config needs.
const maxBytes = 1 << 20

// Load reads the config file at path and the environment. Its error is a [pipeline.Configuration] problem that lists
// everything that is wrong, not only the first.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, text)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		hint := "let the user that runs scored read it"
		if errors.Is(err, fs.ErrNotExist) {
			hint = "name the config file with --config, or in SCORED_CONFIG"
		}
		return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("read config: %w", err), Hint: hint}
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, &pipeline.Problem{Class: pipeline.Configuration, Err: fmt.Errorf("config %s is a folder", path),
			Hint: "name the file in it, such as " + filepath.Join(path, "scored.yaml")}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	switch {
	case err != nil:
		return nil, broken(path, err)
	case len(text) > maxBytes:
		return nil, broken(path, fmt.Errorf("it has more than %d bytes", maxBytes))
	}
	return text, nil
}

// parse reads the text of the file and the environment.
func parse(file string, text []byte) (*Config, error) {
	root, err := document(text)
	if err != nil {
		return nil, broken(file, err)
	}
	p := &problems{file: file, lines: map[string]int{}}
	p.section(root, reflect.TypeFor[Config](), "")
	p.strangers()

	v, err := layers(text, p)
	var c Config
	if err == nil {
		err = v.UnmarshalExact(&c, viper.DecodeHook(mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc())))
	}
	if err != nil && len(p.found) == 0 {
		return nil, broken(file, err)
	}
	if v != nil {
		fill(&c)
		p.check(&c) // also when something could not be decoded: the rest was
		p.resolve(&c)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

// layers lays the file over the defaults, and the environment over both.
func layers(text []byte, p *problems) (*viper.Viper, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	v.AllowEmptyEnv(true)
	for _, s := range scalars(new(Config)) {
		v.SetDefault(s.key, s.tag.Get("default"))
		if err := v.BindEnv(s.key, variable(s.key)); err != nil {
			return nil, err
		}
		if !overridden(s.key) {
			continue
		}
		if fault := misread(os.Getenv(variable(s.key)), s.value.Type(), s.tag); fault != "" {
			p.value(s.key, fault)
		}
	}
	if err := v.ReadConfig(bytes.NewReader(text)); err != nil {
		return nil, cmp.Or(errors.Unwrap(err), err)
	}
	return v, nil
}

// Place tells where a key's value comes from, for what only others can find wrong with it: the file and the line, or the
// variable.
func Place(file, key string) string {
	if overridden(key) {
		return fmt.Sprintf("%s (%s is set)", key, variable(key))
	}
	p := &problems{file: file, lines: map[string]int{}}
	if text, err := readFile(file); err == nil {
		if root, err := document(text); err == nil {
			p.section(root, reflect.TypeFor[Config](), "")
		}
	}
	if line := p.lineOf(key); line > 0 {
		return fmt.Sprintf("config %s: line %d: %s", file, line, key)
	}
	return fmt.Sprintf("config %s: %s", file, key)
}

// jobName leaves room for the as-of and the attempt in a run's id.
var jobName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// check looks for what is missing, stands twice, or is none of the words that a key may be. What the words mean is for
// the packages that they configure.
func (p *problems) check(c *Config) {
	for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
		empty := s.value.IsZero() || s.value.Kind() == reflect.Slice && s.value.Len() == 0
		if s.has("required") && empty {
			p.value(s.key, "is missing")
		}
		if words := strings.Fields(s.tag.Get("oneof")); len(words) > 0 && !empty && !slices.Contains(words, s.value.String()) {
			p.value(s.key, fmt.Sprintf("%q is not one of %s", s.value, strings.Join(words, ", ")))
		}
	}
	jobs := map[string]bool{}
	writers := map[string]writer{}
	for i, job := range c.Jobs {
		key := fmt.Sprintf("jobs[%d]", i)
		if job.When.SQL == "" && job.When.FresherThan > 0 {
			p.value(key+".when.fresher_than", "says nothing without sql")
		}
		p.unique(jobs, key+".name", job.Name)
		targets := map[string]bool{}
		for j, target := range job.Targets {
			at := fmt.Sprintf("%s.targets[%d]", key, j)
			p.unique(targets, at+".name", target.Name)
			p.alone(writers, at, target)
		}
	}
}

// writer is the target that writes a field.
type writer struct {
	at     string // its place in the config
	clears bool
}

// alone checks that no other target writes a field of the target's, if one of the two clears the scores of leads that left: it
// might take the other's leads for such. The names are Salesforce's, which knows no capitals; a field that stands twice in one
// target is for the sink to refuse.
func (p *problems) alone(writers map[string]writer, at string, target Target) {
	clears := target.OnLeave == "clear"
	for i, f := range target.Fields {
		if target.Object == "" || f.Field == "" {
			continue
		}
		name := strings.ToLower(target.Object + "." + f.Field)
		if other := writers[name]; other.at != "" && other.at != at && (clears || other.clears) {
			p.value(fmt.Sprintf("%s.fields[%d].field", at, i),
				fmt.Sprintf("%s of %s is written by %s, too, and on_leave: clear of one may clear the other's", f.Field, target.Object, other.at))
			continue
		}
		writers[name] = writer{at, clears || writers[name].clears}
	}
}

// unique checks the name of a job or a target: it goes into run ids, the ledger and the log.
func (p *problems) unique(seen map[string]bool, key, name string) {
	switch {
	case name != "" && !jobName.MatchString(name):
		p.value(key, fmt.Sprintf("%q is not a name: small letters, digits and _, at most 40, a letter first", name))
	case seen[name]:
		p.value(key, fmt.Sprintf("%q is the name of an earlier one", name))
	}
	seen[name] = true
}
