package sql_test

import (
	"testing"

	"scored/pipeline/warehouse/pgtest"
)

func TestRedshiftShim(t *testing.T) {
	c := pgtest.New(t)
	if err := c.Exec(t.Context(), file(t, "sample/redshift_shim.sql")); err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]string{
		"DATEDIFF('day', '2026-01-01 23:00', '2026-01-02 01:00')":                            "1",
		"DATEDIFF('day', DATE '2026-03-01', DATE '2026-02-01')":                              "-28",
		"DATEDIFF('year', '2025-12-31', '2026-01-01')":                                       "1",
		"DATEDIFF('qtr', '2025-11-01', '2026-02-01')":                                        "1",
		"DATEDIFF('months', '2025-11-30', '2026-02-01')":                                     "3",
		"DATEDIFF('week', '2026-11-21', '2026-11-22')":                                       "1",
		"DATEDIFF('hour', '2026-01-01 10:59', '2026-01-01 11:00')":                           "1",
		"DATEDIFF('ms', '2026-01-01', '2026-01-01 00:00:01.5')":                              "1500",
		"DATEADD('day', -3, '2026-01-31')":                                                   "2026-01-28 00:00:00",
		"DATEADD('month', 1, DATE '2026-01-31')":                                             "2026-02-28 00:00:00",
		"DATEADD('quarter', 1, '2026-01-31')":                                                "2026-04-30 00:00:00",
		"NVL(NULL, 3)":                                                                       "3",
		"NVL(NULL, NULL, NULL, 4, 5)":                                                        "4",
		"NVL(NULL::text, NULL)":                                                              pgtest.Null,
		"NVL2(1, 'yes', 'no')":                                                               "yes",
		"CONVERT_TIMEZONE('Europe/Paris', '2026-07-01 12:00')":                               "2026-07-01 14:00:00",
		"CONVERT_TIMEZONE('Europe/Paris', 'America/New_York', '2026-07-01 12:00')":           "2026-07-01 06:00:00",
		`JSON_EXTRACT_PATH_TEXT('{"a": {"b": "c"}}', 'a', 'b')`:                              "c",
		`JSON_EXTRACT_PATH_TEXT('{"a": 1}'::varchar(20), 'z')`:                               pgtest.Null,
		"(SELECT MEDIAN(x) FROM (SELECT 1 AS x UNION ALL SELECT 4 UNION ALL SELECT NULL) v)": "2.5",
		"LEN('ab')":            "2",
		"CHARINDEX('b', 'ab')": "2",
		"GETDATE() > CURRENT_TIMESTAMP AT TIME ZONE 'UTC' - INTERVAL '5 minutes'": "t",
	} {
		rows, err := c.Query(t.Context(), "SELECT "+expression)
		if err != nil || rows[0][0] != want {
			t.Errorf("%s is %v (%v), want %s", expression, rows, err, want)
		}
	}
	for _, expression := range []string{
		"DATEDIFF('dekade', '2026-01-01', '2026-01-02')", "DATEADD('dekade', 1, '2026-01-01')",
	} {
		if rows, err := c.Query(t.Context(), "SELECT "+expression); err == nil {
			t.Errorf("%s is %v, want an error", expression, rows)
		}
	}
}
