-- Functions of Redshift that PostgreSQL (14 or later) lacks, as far as scripts in the shared subset may call them. Load
-- it once into a PostgreSQL that stands in for Redshift. Date parts are quoted, as both databases accept them.

-- The current statement's instant in UTC, in whole seconds. Dataprep scripts must not call it.
CREATE FUNCTION getdate() RETURNS timestamp LANGUAGE sql STABLE AS $$
    SELECT date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC')
$$;

-- The first argument that is not NULL.
CREATE FUNCTION nvl(a anycompatible, b anycompatible)
RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(a, b)
$$;

CREATE FUNCTION nvl(a anycompatible, b anycompatible, c anycompatible, VARIADIC others anycompatiblearray)
RETURNS anycompatible
LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(a, b, c, (
        SELECT o FROM unnest(others) WITH ORDINALITY AS u(o, n) WHERE o IS NOT NULL ORDER BY n LIMIT 1))
$$;

CREATE FUNCTION nvl(a anycompatible, b anycompatible, c anycompatible)
RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(a, b, c)
$$;

-- yes where tested is not NULL, else no.
CREATE FUNCTION nvl2(tested anyelement, yes anycompatible, no anycompatible)
RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN tested IS NOT NULL THEN yes ELSE no END
$$;

-- A date part in any of Redshift's spellings, as PostgreSQL names it; NULL if it is none that has a length.
CREATE FUNCTION redshift_datepart(part text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN lower(part) IN ('year', 'years', 'y', 'yr', 'yrs') THEN 'year'
        WHEN lower(part) IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN 'quarter'
        WHEN lower(part) IN ('month', 'months', 'mon', 'mons') THEN 'month'
        WHEN lower(part) IN ('week', 'weeks', 'w') THEN 'week'
        WHEN lower(part) IN ('day', 'days', 'd') THEN 'day'
        WHEN lower(part) IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN 'hour'
        WHEN lower(part) IN ('minute', 'minutes', 'm', 'min', 'mins') THEN 'minute'
        WHEN lower(part) IN ('second', 'seconds', 's', 'sec', 'secs') THEN 'second'
        WHEN lower(part) IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs') THEN 'millisecond'
        WHEN lower(part) IN ('microsecond', 'microseconds', 'us', 'usec', 'usecs') THEN 'microsecond'
    END
$$;

-- How many boundaries of the part lie between a and b: DATEDIFF('year', '2025-12-31', '2026-01-01') is 1. Weeks begin
-- on Sunday. A part that is none is an error.
CREATE FUNCTION datediff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE redshift_datepart(part)
        WHEN 'year' THEN (date_part('year', b) - date_part('year', a))::bigint
        WHEN 'quarter' THEN (4 * (date_part('year', b) - date_part('year', a))
                             + date_part('quarter', b) - date_part('quarter', a))::bigint
        WHEN 'month' THEN (12 * (date_part('year', b) - date_part('year', a))
                           + date_part('month', b) - date_part('month', a))::bigint
        WHEN 'week' THEN (b::date - date_part('dow', b)::int - (a::date - date_part('dow', a)::int)) / 7
        WHEN 'day' THEN b::date - a::date
        WHEN 'hour' THEN (EXTRACT(EPOCH FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600)::bigint
        WHEN 'minute' THEN (EXTRACT(EPOCH FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60)::bigint
        WHEN 'second' THEN EXTRACT(EPOCH FROM date_trunc('second', b) - date_trunc('second', a))::bigint
        WHEN 'millisecond' THEN
            (EXTRACT(EPOCH FROM date_trunc('millisecond', b) - date_trunc('millisecond', a)) * 1000)::bigint
        WHEN 'microsecond' THEN (EXTRACT(EPOCH FROM b - a) * 1000000)::bigint
        ELSE ('not a date part: ' || part)::bigint
    END
$$;

-- t plus n times the part; the 31st becomes the last day of a shorter month.
CREATE FUNCTION dateadd(part text, n bigint, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE redshift_datepart(part)
        WHEN 'quarter' THEN t + (n * 3) * INTERVAL '1 month'
        ELSE t + n * ('1 ' || COALESCE(redshift_datepart(part), 'not a date part: ' || part))::interval
    END
$$;

-- A timestamp without zone, read in one zone and written in another.
CREATE FUNCTION convert_timezone(source text, target text, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT (t AT TIME ZONE source) AT TIME ZONE target
$$;

CREATE FUNCTION convert_timezone(target text, t timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT (t AT TIME ZONE 'UTC') AT TIME ZONE target
$$;

-- The text at a path of keys; NULL where it leads nowhere. PostgreSQL has this for json, Redshift for text.
CREATE FUNCTION json_extract_path_text(document text, VARIADIC path text[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT json_extract_path_text(document::json, VARIADIC path)
$$;

CREATE FUNCTION median_of(x double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM unnest(x) AS u(v)
$$;

CREATE AGGREGATE median(double precision) (SFUNC = array_append, STYPE = double precision[], FINALFUNC = median_of);

-- The length in characters.
CREATE FUNCTION len(s text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT length(s)
$$;

-- Where sub begins in s, counted from 1; 0 if nowhere.
CREATE FUNCTION charindex(sub text, s text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT strpos(s, sub)
$$;
