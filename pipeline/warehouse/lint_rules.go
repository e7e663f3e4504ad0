package warehouse

// rule is a sequence of tokens, separated by blanks, that a script must not hold. "…" stands for any name.
type rule struct{ pattern, what, instead string }

const (
	useAsOf   = "use :as_of"
	useKey    = "derive the value from the key"
	useTemp   = "write rows into a temporary table with CREATE TEMP TABLE ... AS SELECT"
	useRowNum = "number the rows with ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) in a subquery and keep the first"
	useJoin   = "join a subquery"
	leaveOut  = "leave it out"
)

// redshiftRules are what Redshift does not have, or has on the leader node only, and what a dataprep script must not
// read: the clock and chance.
var redshiftRules = []rule{
	{"getdate (", "GETDATE reads the clock", useAsOf},
	{"sysdate", "SYSDATE reads the clock", useAsOf},
	{"now (", "NOW reads the clock", useAsOf},
	{"current_date", "CURRENT_DATE reads the clock", "use DATE_TRUNC('day', :as_of)"},
	{"current_time", "CURRENT_TIME reads the clock", useAsOf},
	{"current_timestamp", "CURRENT_TIMESTAMP reads the clock", useAsOf},
	{"localtime", "LOCALTIME reads the clock", useAsOf},
	{"localtimestamp", "LOCALTIMESTAMP reads the clock", useAsOf},
	{"timeofday (", "TIMEOFDAY reads the clock", useAsOf},
	{"clock_timestamp (", "CLOCK_TIMESTAMP reads the clock", useAsOf},
	{"statement_timestamp (", "STATEMENT_TIMESTAMP reads the clock", useAsOf},
	{"transaction_timestamp (", "TRANSACTION_TIMESTAMP reads the clock", useAsOf},
	{"age (", "AGE reads the clock if it has one argument, and runs on the leader node only", "use DATEDIFF, or subtract the times"},

	{"random (", "RANDOM gives another result at each run", useKey},
	{"rand (", "RAND gives another result at each run", useKey},
	{"gen_random_uuid (", "GEN_RANDOM_UUID gives another result at each run", useKey},
	{"tablesample", "TABLESAMPLE is not on Redshift and gives another result at each run", useKey},
	{"set_config (", "SET_CONFIG changes the session, which is scored's", leaveOut},
	{"nextval (", "sequences are not on Redshift", useKey},

	{"distinct on (", "DISTINCT ON is not on Redshift", useRowNum},
	{"array [", "arrays are not on Redshift", "use rows, or LISTAGG for text"},
	{"[ ]", "array types are not on Redshift", "use rows, or LISTAGG for text"},
	{"array_agg (", "ARRAY_AGG is not on Redshift", "use LISTAGG for text, or aggregate to a number"},
	{"string_agg (", "STRING_AGG is not on Redshift", "use LISTAGG"},
	{"json_agg (", "JSON_AGG is not on Redshift", "aggregate to a number"},
	{"jsonb_agg (", "JSONB_AGG is not on Redshift", "aggregate to a number"},
	{"unnest (", "UNNEST is not on Redshift", "join a table of numbers"},
	{"generate_series (", "GENERATE_SERIES runs on Redshift's leader node only", "join a table of numbers"},
	{"( values", "VALUES as a table is not on Redshift", "use SELECT ... UNION ALL SELECT ..."},
	{"as values", "VALUES as a table is not on Redshift", "use SELECT ... UNION ALL SELECT ..."},
	{"is distinct from", "IS DISTINCT FROM is not on Redshift", "compare with = and treat NULL with COALESCE or IS NULL"},
	{"is not distinct from", "IS NOT DISTINCT FROM is not on Redshift", "compare with = and treat NULL with COALESCE or IS NULL"},
	{") filter (", "FILTER is not on Redshift", "use SUM(CASE WHEN ... THEN 1 ELSE 0 END)"},
	{"lateral (", "LATERAL is not on Redshift", useJoin},
	{"lateral … (", "LATERAL is not on Redshift", useJoin},
	{"on conflict", "ON CONFLICT is not on Redshift", useTemp},
	{"for update", "row locks are not on Redshift", leaveOut},
	{"for share", "row locks are not on Redshift", leaveOut},
}

// portableRules are what Redshift has and PostgreSQL does not, beside functions that a few lines of SQL can add there. A
// script that is to run on both must do without.
var portableRules = []rule{
	{"qualify", "QUALIFY is not on PostgreSQL", useRowNum},
	{"select top", "TOP is not on PostgreSQL", "use LIMIT"},
	{"distinct top", "TOP is not on PostgreSQL", "use LIMIT"},
	{"distkey", "DISTKEY is not on PostgreSQL", leaveOut},
	{"diststyle", "DISTSTYLE is not on PostgreSQL", leaveOut},
	{"sortkey", "SORTKEY is not on PostgreSQL", leaveOut},
	{"approximate count", "APPROXIMATE is not on PostgreSQL", leaveOut},
	{"approximate percentile_disc", "APPROXIMATE is not on PostgreSQL", leaveOut},
	{"ignore nulls", "IGNORE NULLS is not on PostgreSQL", "filter the rows in a subquery first"},
	{"respect nulls", "RESPECT NULLS is not on PostgreSQL", leaveOut},
	{"datediff ( … ,", "a date part without quotes is not on PostgreSQL", "write DATEDIFF('day', a, b)"},
	{"dateadd ( … ,", "a date part without quotes is not on PostgreSQL", "write DATEADD('day', n, t)"},
	{"date_part ( … ,", "a date part without quotes is not on PostgreSQL", "write DATE_PART('day', t)"},
	{"decode (", "DECODE is another function on PostgreSQL", "use CASE"},
	{"listagg (", "LISTAGG is not on PostgreSQL", "aggregate to a number"},
}
