package warehouse

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// values are a statement's parameters in the text format; nil is NULL.
type values [][]byte

func (v *values) null() { *v = append(*v, nil) }

func (v *values) text(s string) { *v = append(*v, []byte(s)) }

// optional adds text that is NULL where it says nothing.
func (v *values) optional(s string) {
	if s == "" {
		v.null()
		return
	}
	v.text(s)
}

func (v *values) integer(n int64) { *v = append(*v, strconv.AppendInt(nil, n, 10)) }

// float adds the shortest text that reads back as the same bits.
func (v *values) float(f float64) { *v = append(*v, strconv.AppendFloat(nil, f, 'g', -1, 64)) }

// instant adds a time in UTC; the zero time is NULL.
func (v *values) instant(t time.Time) {
	if t.IsZero() {
		v.null()
		return
	}
	*v = append(*v, t.UTC().AppendFormat(nil, "2006-01-02 15:04:05.000000"))
}

// cut makes text fit a column of so many bytes, which is what Redshift counts. It ends in an ellipsis where something is
// left out, and holds nothing that a server refuses as text.
func cut(s string, limit int) string {
	const ellipsis = "…"
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= limit {
		return s
	}
	end := limit - len(ellipsis)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
