package warehouse

import (
	"slices"
	"strings"
	"testing"

	"scored/pipeline"
)

func lintOf(t *testing.T, sql string, lint func(*Script) []Finding) (errors, warnings []string) {
	t.Helper()
	s, err := ParseScript("x.sql", []byte(sql))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range lint(s) {
		if f.Warning {
			warnings = append(warnings, f.String())
		} else {
			errors = append(errors, f.String())
		}
	}
	return errors, warnings
}

func TestWhatADataprepScriptMustNotHold(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		// What reads the clock.
		{"SELECT GETDATE()", "x.sql:1:8: GETDATE reads the clock; use :as_of"},
		{"SELECT\n  sysdate", "x.sql:2:3: SYSDATE"},
		{"SELECT now ()", "NOW reads"},
		{"SELECT pg_catalog.now()", "NOW reads"},
		{`SELECT "now"()`, "x.sql:1:8: NOW reads"},
		{`SELECT "NOW" /* */ ()`, "NOW reads"},
		{`SELECT pg_catalog."now"()`, "NOW reads"},
		{`SELECT "pg_catalog".now()`, "NOW reads"},
		{`SELECT "pg_catalog"."now"()`, "NOW reads"},
		{`SELECT "getdate"()`, "GETDATE reads"},
		{`SELECT "clock_timestamp"()`, "CLOCK_TIMESTAMP"},
		{"SELECT CURRENT_DATE - 1", "CURRENT_DATE"},
		{"SELECT current_time", "CURRENT_TIME"},
		{"SELECT current_timestamp(0)", "CURRENT_TIMESTAMP"},
		{"SELECT LOCALTIME", "LOCALTIME"},
		{"SELECT LOCALTIMESTAMP", "LOCALTIMESTAMP"},
		{"SELECT TIMEOFDAY()", "TIMEOFDAY"},
		{"SELECT clock_timestamp()", "CLOCK_TIMESTAMP"},
		{"SELECT statement_timestamp()", "STATEMENT_TIMESTAMP"},
		{"SELECT transaction_timestamp()", "TRANSACTION_TIMESTAMP"},
		{"SELECT AGE(t.created)", "AGE reads"},
		{"SELECT 'now'::timestamp", "'now' as a time"},
		{`SELECT 'now'::"timestamp"`, "'now' as a time"},
		{`SELECT "date" 'now'`, "'now' as a time"},
		{"SELECT ' Today '::date", "as a time"},
		{"SELECT DATE 'yesterday'", "as a time"},
		{"SELECT CAST('tomorrow' AS timestamptz)", "as a time"},
		// What is no parameter.
		{"SELECT 1\nFROM t WHERE event_ts < ':as_of'", "x.sql:2:25: the parameter stands in quotes: it is text there; write :as_of without them"},
		{"SELECT TIMESTAMP ' :AS_OF '", "x.sql:1:18: the parameter stands in quotes"},
		{"SELECT $$:as_of$$::timestamp", "x.sql:1:8: the parameter stands in quotes"},
		// What differs from run to run.
		{"SELECT RANDOM()", "RANDOM"},
		{`SELECT "random"()`, "RANDOM"},
		{`SELECT "set_config"('timezone', 'CET', false)`, "SET_CONFIG"},
		{"SELECT * FROM t TABLESAMPLE SYSTEM (1)", "TABLESAMPLE"},
		{"SELECT gen_random_uuid()", "GEN_RANDOM_UUID"},
		// What Redshift does not have.
		{"SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON is not on Redshift"},
		{"SELECT ARRAY[1, 2]", "arrays are"},
		{"SELECT '{1}'::int[]", "array types"},
		{"SELECT array_agg(x) FROM t", "ARRAY_AGG"},
		{"SELECT string_agg(x, ',') FROM t", "STRING_AGG is not on Redshift; use LISTAGG"},
		{"SELECT * FROM (VALUES (1)) v", "VALUES as a table"},
		{"WITH v AS (VALUES (1)) SELECT * FROM v", "VALUES as a table"},
		{"CREATE TEMP TABLE a AS VALUES (1); SELECT 1", "VALUES as a table"},
		{"SELECT * FROM generate_series(1, 2)", "GENERATE_SERIES"},
		{"SELECT a IS DISTINCT FROM b", "IS DISTINCT FROM"},
		{"SELECT a IS NOT DISTINCT FROM b", "IS NOT DISTINCT FROM"},
		{"SELECT count(*) FILTER (WHERE a) FROM t", "FILTER is not on Redshift; use SUM(CASE"},
		{"SELECT * FROM a, LATERAL (SELECT 1) b", "LATERAL"},
		{"SELECT * FROM a CROSS JOIN LATERAL f(a.x) b", "LATERAL"},
		{"CREATE TEMP TABLE a (x int); INSERT INTO a SELECT 1 ON CONFLICT DO NOTHING; SELECT 1", "ON CONFLICT"},
		{"CREATE TEMP TABLE a (x int); INSERT INTO a SELECT 1 RETURNING x; SELECT 1", "RETURNING"},
		{"WITH d AS (DELETE FROM t) SELECT 1", "DELETE in a WITH"},
		{"WITH d AS (SELECT 1) INSERT INTO t SELECT 1", "INSERT in a WITH"},
		{"WITH d AS (UPDATE t SET a = 1) SELECT 1", "UPDATE in a WITH"},
		{"SAVEPOINT a; SELECT 1", "savepoints"},
		{"SELECT 1 FROM t FOR UPDATE", "row locks"},
		{"SELECT unnest(x) FROM t", "UNNEST"},
		// What writes.
		{"CREATE TABLE a AS SELECT 1; SELECT 1", "changes the warehouse"},
		{"CREATE VIEW a AS SELECT 1; SELECT 1", "changes the warehouse"},
		{"CREATE TEMP VIEW a AS SELECT 1; SELECT 1", "changes the warehouse"},
		{"SELECT 1 INTO a; SELECT 1", "SELECT INTO creates a permanent table"},
		{"INSERT INTO leads SELECT 1; SELECT 1", "INSERT of a table that this script did not create"},
		{"CREATE TEMP TABLE a AS SELECT 1; INSERT INTO crm.a SELECT 1; SELECT 1", "INSERT of a table"},
		{"INSERT INTO a SELECT 1; CREATE TEMP TABLE a AS SELECT 1; SELECT 1", "INSERT of a table"},
		{"UPDATE leads SET a = 1; SELECT 1", "UPDATE of a table"},
		{"DELETE FROM leads; SELECT 1", "DELETE of a table"},
		{"TRUNCATE leads; SELECT 1", "TRUNCATE of a table"},
		{"TRUNCATE TABLE leads; SELECT 1", "TRUNCATE of a table"},
		{"DROP TABLE leads; SELECT 1", "DROP changes the warehouse"},
		{"DROP VIEW a; SELECT 1", "DROP changes the warehouse"},
		{"CREATE TEMP TABLE a AS SELECT 1; DROP TABLE a, leads; SELECT 1", "DROP of several tables"},
		{"MERGE INTO leads USING x ON a = b WHEN MATCHED THEN DELETE; SELECT 1", "MERGE is not for a dataprep script"},
		{"COPY leads FROM 's3://x'; SELECT 1", "COPY is not"},
		{"UNLOAD ('SELECT 1') TO 's3://x'; SELECT 1", "UNLOAD is not"},
		{"GRANT SELECT ON a TO b; SELECT 1", "GRANT is not"},
		{"CALL p(); SELECT 1", "CALL is not"},
		{"BEGIN; SELECT 1", "BEGIN is not"},
		{"VACUUM; SELECT 1", "VACUUM is not"},
		{"SET timezone TO 'CET'; SELECT 1", "this setting"},
		{"SET extra_float_digits TO 0; SELECT 1", "this setting"},
		{"SET SESSION AUTHORIZATION x; SELECT 1", "this setting"},
		{"SELECT set_config('timezone', 'CET', false)", "SET_CONFIG"},
	} {
		t.Run(tt.sql, func(t *testing.T) {
			errors, _ := lintOf(t, tt.sql, (*Script).Lint)
			if !slices.ContainsFunc(errors, func(e string) bool { return strings.Contains(e, tt.want) }) {
				t.Errorf("got %q, want %q", errors, tt.want)
			}
		})
	}
}

func TestWhatADataprepScriptMayHold(t *testing.T) {
	for _, sql := range []string{
		"WITH a AS (SELECT x FROM t WHERE event_ts < :as_of) SELECT * FROM a",
		"CREATE TEMP TABLE a AS SELECT 1; SELECT * FROM a",
		"CREATE TEMPORARY TABLE IF NOT EXISTS a (x int); INSERT INTO a SELECT 1; INSERT INTO a VALUES (2); ANALYZE a; DELETE FROM a; SELECT * FROM a",
		`CREATE LOCAL TEMP TABLE "A b" AS SELECT 1; UPDATE "A b" SET x = 2; DROP TABLE IF EXISTS "A b"; SELECT 1`,
		"CREATE TABLE #a (x int); INSERT INTO #a SELECT 1; SELECT * FROM #a",
		"SELECT 1 INTO TEMP a; SELECT * FROM a",
		"SET enable_result_cache_for_session TO off; SET search_path TO crm; SELECT 1",
		"SELECT t.now, t.sysdate, x AS current_date, \"current_date\", filter, age, random, q.age FROM t",
		`SELECT "now", t."now", "getdate" + (1), "sysdate", crm."now"(), "a""now"(), x AS "random" FROM t WHERE "today" = 'x'`,
		`CREATE TEMP TABLE "A b" (x int); INSERT INTO "A b" (x) SELECT 1; SELECT * FROM "A b"`,
		"SELECT 'GETDATE()', $$ now() $$ /* CURRENT_DATE */ -- RANDOM()",
		"SELECT COUNT(DISTINCT a), DATE_TRUNC('day', b), b - INTERVAL '30 days', EXTRACT(EPOCH FROM b), x IN (1, 2), a::float8",
		"SELECT a[1] FROM t",
		"SELECT x FROM t WHERE a = ANY (SELECT 1) AND updated BETWEEN 1 AND 2",
		"SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b DESC), PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY x), LISTAGG(x, ',') FROM t QUALIFY x = 1",
		"SELECT TOP 10 NVL(a, b), DATEDIFF(day, a, b), MEDIAN(x) FROM t",
		"SELECT 'as of :as_of', 'as_of', :as_of -- ':as_of'",
		"SELECT insert, update, (deleted), returning FROM t",
	} {
		t.Run(sql, func(t *testing.T) {
			if errors, _ := lintOf(t, sql, (*Script).Lint); len(errors) > 0 {
				t.Errorf("refused: %q", errors)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"SELECT AVG(n), :as_of FROM t", "x.sql:1:8: warning: AVG of whole numbers"},
		{"SELECT AVG(CASE WHEN a THEN n END), :as_of FROM t", "AVG of whole numbers"},
		{"SELECT 1 WHERE s = 'today' AND t < :as_of", "if a time is meant"},
		{"SELECT :as_of;\nSELECT 1", "x.sql:1:1: warning: the result of this SELECT is thrown away"},
		{"SET search_path TO crm;\n  WITH a AS (SELECT :as_of) SELECT * FROM a; SELECT 1", "x.sql:2:3: warning: the result of this WITH is thrown away"},
		{"(SELECT :as_of); SELECT 1", "the result of this SELECT"},
		{"SELECT t.into, :as_of FROM t; SELECT 1", "the result of this SELECT"},
		{"SELECT 1", "the script never uses :as_of"},
		{"DROP TABLE IF EXISTS a; CREATE TEMP TABLE a AS SELECT :as_of AS t; SELECT * FROM a", "would drop a permanent table"},
	} {
		errors, warnings := lintOf(t, tt.sql, (*Script).Lint)
		if len(errors) > 0 || len(warnings) != 1 || !strings.Contains(warnings[0], tt.want) {
			t.Errorf("%s: errors %q, warnings %q, want one of %q", tt.sql, errors, warnings, tt.want)
		}
	}
	for _, sql := range []string{
		"SELECT :as_of INTO TEMP a; WITH b AS (SELECT 1) SELECT * INTO #b FROM b; CREATE TEMP TABLE c AS SELECT 1; SELECT * FROM a",
		"SELECT AVG(n::float8), :as_of", "SELECT AVG(n * 1.0), AVG(CAST(n AS double precision)), :as_of", "SELECT t.avg, :as_of",
	} {
		if _, warnings := lintOf(t, sql, (*Script).Lint); len(warnings) > 0 {
			t.Errorf("%s: %q", sql, warnings)
		}
	}
}

func TestPortableScriptsDoWithoutRedshiftsOwn(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"SELECT a FROM t QUALIFY x = 1", "QUALIFY"},
		{"SELECT TOP 10 a FROM t", "TOP"},
		{"CREATE TEMP TABLE a DISTKEY (x) AS SELECT 1; SELECT 1", "DISTKEY"},
		{"SELECT APPROXIMATE COUNT(DISTINCT a) FROM t", "APPROXIMATE"},
		{"SELECT LAG(a) IGNORE NULLS OVER (ORDER BY b) FROM t", "IGNORE NULLS"},
		{"SELECT DATEDIFF(day, a, b) FROM t", "a date part without quotes"},
		{"SELECT DATEADD(month, 1, b) FROM t", "a date part without quotes"},
		{"SELECT GETDATE()", "GETDATE"},
	} {
		if errors, _ := lintOf(t, tt.sql, (*Script).LintPortable); len(errors) != 1 || !strings.Contains(errors[0], tt.want) {
			t.Errorf("%s: %q, want %q", tt.sql, errors, tt.want)
		}
	}
	if errors, _ := lintOf(t, "SELECT DATEDIFF('day', a, b), NVL(a, b) FROM t", (*Script).LintPortable); len(errors) > 0 {
		t.Errorf("refused: %q", errors)
	}
}

func TestASourceRefusesWhatTheLinterFinds(t *testing.T) {
	script, err := ParseScript("x.sql", []byte("SELECT GETDATE() AS a,\nRANDOM() AS b"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = NewSource(Config{URL: "postgres://u@localhost/dev"}, script, "a")
	wantProblem(t, err, pipeline.Configuration, "x.sql:1:8: GETDATE reads the clock")
	wantProblem(t, err, pipeline.Configuration, "x.sql:2:1: RANDOM")
}
