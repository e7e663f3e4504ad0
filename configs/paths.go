package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// credentials stands for the folder into which systemd puts what LoadCredential= names.
const credentials = "$CREDENTIALS_DIRECTORY"

// resolve makes every path one that can be opened. A relative one starts at the folder of the file, or where the
// program was started if it comes from the environment.
func (p *problems) resolve(c *Config) {
	folder := filepath.Dir(p.file)
	for _, s := range settings(reflect.ValueOf(c).Elem(), "") {
		if !s.has("path") || s.value.String() == "" {
			continue
		}
		path := s.value.String()
		if rest, ok := strings.CutPrefix(path, credentials+"/"); ok {
			base := os.Getenv(strings.TrimPrefix(credentials, "$"))
			if base == "" {
				p.value(s.key, credentials+" is not set: systemd sets it for a unit with LoadCredential=")
			}
			path = filepath.Join(base, rest)
		}
		if !filepath.IsAbs(path) && !overridden(s.key) {
			path = filepath.Join(folder, path)
		}
		s.value.SetString(path)
	}
}
