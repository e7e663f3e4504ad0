-- Lead scoring: a row per open lead with 58 features, 11 offline and 47 online, as they were known as of :as_of.
--
-- Known means loaded by then: a row counts if it happened before :as_of and was loaded up to it. Of a row that was
-- loaded more than once, the first copy counts.
-- Windows are calendar days in UTC: 7d is the day of :as_of and the six before it. Within a day, therefore, only the
-- leads with new events change.
-- Nothing known and nothing done are different: counts are 0, while shares, medians and recencies are NULL.
-- Absurd values (a negative duration, a budget of 99,999,999) are NULL. Sums and means run over whole numbers, so that
-- their last bit does not depend on the order of rows.
-- The script keeps to what Redshift and PostgreSQL share, and reads no clock.

-- Leads that exist, in their newest version, and are neither converted nor lost.
CREATE TEMP TABLE open_leads AS
SELECT l.lead_key,
       NULLIF(LOWER(TRIM(l.region)), '') AS region,
       NULLIF(LOWER(TRIM(l.area)), '') AS area,
       CASE WHEN l.distance_km > 0 AND l.distance_km <= 2000 THEN l.distance_km END AS distance_km
FROM (
    SELECT lead_key, region, area, distance_km,
           ROW_NUMBER() OVER (PARTITION BY lead_key
                              ORDER BY version DESC, loaded_at, event_ts, region, area, distance_km) AS nth
    FROM crm.leads
    WHERE event_ts < :as_of AND loaded_at <= :as_of AND created_at < :as_of
) l
LEFT JOIN (
    SELECT lead_key, LOWER(TRIM(status)) AS state,
           ROW_NUMBER() OVER (PARTITION BY lead_key ORDER BY event_ts DESC, status_id DESC, loaded_at, status) AS nth
    FROM crm.lead_status
    WHERE event_ts < :as_of AND loaded_at <= :as_of
) s ON s.lead_key = l.lead_key AND s.nth = 1
WHERE l.nth = 1 AND COALESCE(s.state, 'new') NOT IN ('converted', 'lost');

-- Events of the last 90 days, one row each, with the age in days (0 is today) and absurd values taken out.

CREATE TEMP TABLE recent_visits AS
SELECT e.lead_key, e.visit_id, e.event_ts,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       DATE_PART('dow', e.event_ts) AS weekday,
       DATE_PART('hour', e.event_ts) AS hour_of_day,
       CASE WHEN e.duration_seconds BETWEEN 0 AND 14400 THEN e.duration_seconds END AS seconds,
       NULLIF(LOWER(TRIM(e.device)), '') AS device,
       NULLIF(LOWER(TRIM(e.traffic_source)), '') AS traffic_source
FROM (
    SELECT visit_id, lead_key, event_ts, duration_seconds, device, traffic_source,
           ROW_NUMBER() OVER (PARTITION BY visit_id
                              ORDER BY loaded_at, event_ts, lead_key, duration_seconds, device, traffic_source) AS nth
    FROM crm.visits
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '89 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

CREATE TEMP TABLE recent_searches AS
SELECT e.lead_key,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       NULLIF(LOWER(TRIM(e.brand)), '') AS brand,
       CASE WHEN e.price_max BETWEEN 500 AND 500000 THEN ROUND(e.price_max)::float8 END AS price,
       CASE WHEN e.results BETWEEN 0 AND 100000 THEN e.results END AS results
FROM (
    SELECT search_id, lead_key, event_ts, brand, price_max, results,
           ROW_NUMBER() OVER (PARTITION BY search_id
                              ORDER BY loaded_at, event_ts, lead_key, brand, price_max, results) AS nth
    FROM crm.searches
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '89 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

-- Pages need 30 days only.
CREATE TEMP TABLE recent_pages AS
SELECT e.lead_key, e.visit_id, e.vehicle_id,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       LOWER(TRIM(e.page_type)) AS page_type,
       CASE WHEN e.price BETWEEN 500 AND 500000 THEN ROUND(e.price)::float8 END AS price,
       CASE WHEN e.seconds_on_page BETWEEN 0 AND 3600 THEN e.seconds_on_page::float8 END AS seconds
FROM (
    SELECT page_view_id, lead_key, event_ts, visit_id, vehicle_id, page_type, price, seconds_on_page,
           ROW_NUMBER() OVER (PARTITION BY page_view_id
                              ORDER BY loaded_at, event_ts, lead_key, visit_id, vehicle_id, page_type, price,
                                       seconds_on_page) AS nth
    FROM crm.page_views
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '29 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

CREATE TEMP TABLE recent_quotes AS
SELECT e.lead_key,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       CASE WHEN e.list_price BETWEEN 500 AND 500000 AND e.amount BETWEEN 500 AND e.list_price
            THEN ROUND(e.list_price)::float8 END AS list_price,
       CASE WHEN e.list_price BETWEEN 500 AND 500000 AND e.amount BETWEEN 500 AND e.list_price
            THEN ROUND(e.amount)::float8 END AS amount
FROM (
    SELECT quote_id, lead_key, event_ts, list_price, amount,
           ROW_NUMBER() OVER (PARTITION BY quote_id ORDER BY loaded_at, event_ts, lead_key, list_price, amount) AS nth
    FROM crm.quotes
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '89 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

CREATE TEMP TABLE recent_calls AS
SELECT e.lead_key,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       LOWER(TRIM(e.outcome)) AS outcome,
       CASE WHEN e.duration_seconds BETWEEN 0 AND 14400 THEN e.duration_seconds END AS seconds
FROM (
    SELECT call_id, lead_key, event_ts, outcome, duration_seconds,
           ROW_NUMBER() OVER (PARTITION BY call_id
                              ORDER BY loaded_at, event_ts, lead_key, outcome, duration_seconds) AS nth
    FROM crm.calls
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '89 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

CREATE TEMP TABLE recent_emails AS
SELECT e.lead_key, e.email_id,
       CAST(:as_of AS DATE) - CAST(e.event_ts AS DATE) AS age,
       LOWER(TRIM(e.action)) AS action
FROM (
    SELECT email_event_id, lead_key, event_ts, email_id, action,
           ROW_NUMBER() OVER (PARTITION BY email_event_id
                              ORDER BY loaded_at, event_ts, lead_key, email_id, action) AS nth
    FROM crm.emails
    WHERE event_ts >= DATE_TRUNC('day', :as_of) - INTERVAL '89 days' AND event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

-- The preferences stated last, however long ago.
CREATE TEMP TABLE last_preferences AS
SELECT e.lead_key,
       NULLIF(LOWER(TRIM(e.brand)), '') AS brand,
       NULLIF(LOWER(TRIM(e.body_type)), '') AS body_type,
       NULLIF(LOWER(TRIM(e.fuel)), '') AS fuel,
       CASE WHEN e.budget BETWEEN 1000 AND 500000 THEN e.budget::float8 END AS budget
FROM (
    SELECT lead_key, brand, body_type, fuel, budget,
           ROW_NUMBER() OVER (PARTITION BY lead_key
                              ORDER BY event_ts DESC, preference_id DESC, loaded_at, brand, body_type, fuel,
                                       budget) AS nth
    FROM crm.vehicle_preferences
    WHERE event_ts < :as_of AND loaded_at <= :as_of
) e
JOIN open_leads o ON o.lead_key = e.lead_key
WHERE e.nth = 1;

-- A row per lead from here on. Percentiles have tables of their own: Redshift sorts a grouping one way only.

CREATE TEMP TABLE visit_counts AS
SELECT lead_key,
       SUM(CASE WHEN age < 1 THEN 1 ELSE 0 END) AS visits_1d,
       SUM(CASE WHEN age < 7 THEN 1 ELSE 0 END) AS visits_7d,
       SUM(CASE WHEN age < 30 THEN 1 ELSE 0 END) AS visits_30d,
       COUNT(*) AS visits_90d,
       SUM(CASE WHEN age < 7 THEN 1 WHEN age < 14 THEN -1 ELSE 0 END) AS visits_trend_7d,
       MIN(age) AS days_since_visit,
       MAX(age) AS days_since_first_visit,
       COUNT(DISTINCT CASE WHEN age < 30 THEN age END) AS active_days_30d,
       SUM(CASE WHEN age < 7 THEN seconds END)::float8 / 60 AS visit_minutes_7d,
       SUM(CASE WHEN age < 30 THEN seconds END)::float8 / 60 AS visit_minutes_30d,
       MAX(seconds)::float8 / 60 AS visit_minutes_max_90d,
       SUM(CASE WHEN weekday IN (0, 6) THEN 1 ELSE 0 END)::float8 / COUNT(*) AS weekend_share_90d,
       SUM(CASE WHEN hour_of_day >= 18 THEN 1 ELSE 0 END)::float8 / COUNT(*) AS evening_share_90d,
       SUM(CASE WHEN seconds < 30 THEN 1 ELSE 0 END)::float8 / NULLIF(COUNT(seconds), 0) AS bounce_share_90d,
       COUNT(DISTINCT device) AS devices_90d
FROM recent_visits
GROUP BY lead_key;

CREATE TEMP TABLE visit_minutes AS
SELECT lead_key, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY minutes) AS visit_minutes_median_90d
FROM (SELECT lead_key, seconds::float8 / 60 AS minutes FROM recent_visits WHERE seconds IS NOT NULL) v
GROUP BY lead_key;

CREATE TEMP TABLE visit_gaps AS
SELECT lead_key, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY gap) AS visit_gap_days_median_90d
FROM (
    SELECT lead_key, (LAG(age) OVER (PARTITION BY lead_key ORDER BY event_ts, visit_id) - age)::float8 AS gap
    FROM recent_visits
) v
WHERE gap IS NOT NULL
GROUP BY lead_key;

CREATE TEMP TABLE last_visits AS
SELECT lead_key, device, traffic_source
FROM (
    SELECT lead_key, device, traffic_source,
           ROW_NUMBER() OVER (PARTITION BY lead_key ORDER BY event_ts DESC, visit_id DESC) AS nth
    FROM recent_visits
) v
WHERE nth = 1;

CREATE TEMP TABLE search_counts AS
SELECT lead_key,
       SUM(CASE WHEN age < 7 THEN 1 ELSE 0 END) AS searches_7d,
       SUM(CASE WHEN age < 30 THEN 1 ELSE 0 END) AS searches_30d,
       SUM(CASE WHEN age < 7 THEN 1 WHEN age < 14 THEN -1 ELSE 0 END) AS searches_trend_7d,
       MIN(age) AS days_since_search,
       COUNT(DISTINCT CASE WHEN age < 30 THEN brand END) AS search_brands_30d,
       AVG(CASE WHEN age < 30 THEN results::float8 END) AS search_results_mean_30d,
       MAX(price) - MIN(price) AS search_price_range_90d
FROM recent_searches
GROUP BY lead_key;

CREATE TEMP TABLE search_prices AS
SELECT lead_key, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY price) AS search_price_median_90d
FROM recent_searches
WHERE price IS NOT NULL
GROUP BY lead_key;

CREATE TEMP TABLE page_counts AS
SELECT lead_key,
       SUM(CASE WHEN age < 1 THEN 1 ELSE 0 END) AS pages_1d,
       SUM(CASE WHEN age < 7 THEN 1 ELSE 0 END) AS pages_7d,
       COUNT(*) AS pages_30d,
       SUM(CASE WHEN age < 7 THEN 1 WHEN age < 14 THEN -1 ELSE 0 END) AS pages_trend_7d,
       COUNT(*)::float8 / NULLIF(COUNT(DISTINCT visit_id), 0) AS pages_per_visit_30d,
       COUNT(DISTINCT vehicle_id) AS vehicles_viewed_30d,
       SUM(CASE WHEN page_type IN ('finance', 'trade_in') THEN 1 ELSE 0 END) AS finance_pages_30d,
       SUM(CASE WHEN page_type = 'showroom' THEN 1 ELSE 0 END) AS showroom_pages_30d,
       AVG(price::float8) AS viewed_price_mean_30d
FROM recent_pages
GROUP BY lead_key;

CREATE TEMP TABLE page_seconds AS
SELECT lead_key,
       PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY seconds) AS page_seconds_median_30d,
       PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY seconds) AS page_seconds_p90_30d
FROM recent_pages
WHERE seconds IS NOT NULL
GROUP BY lead_key;

CREATE TEMP TABLE vehicle_views AS
SELECT lead_key, MAX(views) AS vehicle_views_max_30d
FROM (
    SELECT lead_key, vehicle_id, COUNT(*) AS views
    FROM recent_pages
    WHERE vehicle_id IS NOT NULL
    GROUP BY lead_key, vehicle_id
) v
GROUP BY lead_key;

CREATE TEMP TABLE quote_counts AS
SELECT lead_key,
       SUM(CASE WHEN age < 30 THEN 1 ELSE 0 END) AS quotes_30d,
       COUNT(*) AS quotes_90d,
       MIN(age) AS days_since_quote,
       1 - SUM(amount) / SUM(list_price) AS quote_discount_90d
FROM recent_quotes
GROUP BY lead_key;

CREATE TEMP TABLE call_counts AS
SELECT lead_key,
       SUM(CASE WHEN age < 30 AND outcome = 'answered' THEN 1 ELSE 0 END) AS calls_answered_30d,
       SUM(CASE WHEN age < 30 AND outcome IN ('no_answer', 'voicemail', 'busy') THEN 1 ELSE 0 END) AS calls_missed_30d,
       SUM(CASE WHEN outcome = 'answered' THEN seconds END)::float8 / 60 AS call_minutes_90d,
       MIN(CASE WHEN outcome = 'answered' THEN age END) AS days_since_answered_call
FROM recent_calls
GROUP BY lead_key;

CREATE TEMP TABLE email_counts AS
SELECT lead_key,
       COUNT(DISTINCT CASE WHEN action = 'opened' AND age < 30 THEN email_id END) AS emails_opened_30d,
       COUNT(DISTINCT CASE WHEN action = 'opened' THEN email_id END)::float8
           / NULLIF(COUNT(DISTINCT email_id), 0) AS email_open_share_90d,
       SUM(CASE WHEN action = 'clicked' THEN 1 ELSE 0 END) AS email_clicks_90d,
       MIN(CASE WHEN action = 'replied' THEN age END) AS days_since_email_reply
FROM recent_emails
GROUP BY lead_key;

SELECT
    o.lead_key,

    -- offline: localisation
    o.region,                                                          -- region of the lead's address
    o.area,                                                            -- urban, suburban or rural
    o.distance_km,                                                     -- km to the nearest showroom

    -- offline: emails
    COALESCE(e.emails_opened_30d, 0) AS emails_opened_30d,             -- messages opened in 30 days
    e.email_open_share_90d,                                            -- share of the messages of 90 days opened
    COALESCE(e.email_clicks_90d, 0) AS email_clicks_90d,               -- links clicked in messages in 90 days
    e.days_since_email_reply,                                          -- days since the lead answered a message

    -- offline: calls
    COALESCE(c.calls_answered_30d, 0) AS calls_answered_30d,           -- calls in which somebody spoke, in 30 days
    COALESCE(c.calls_missed_30d, 0) AS calls_missed_30d,               -- calls that nobody took, in 30 days
    COALESCE(c.call_minutes_90d, 0) AS call_minutes_90d,               -- minutes spoken in 90 days
    c.days_since_answered_call,                                        -- days since somebody spoke

    -- online: visits
    COALESCE(v.visits_1d, 0) AS visits_1d,                             -- visits today
    COALESCE(v.visits_7d, 0) AS visits_7d,                             -- visits in 7 days
    COALESCE(v.visits_30d, 0) AS visits_30d,                           -- visits in 30 days
    COALESCE(v.visits_90d, 0) AS visits_90d,                           -- visits in 90 days
    COALESCE(v.visits_trend_7d, 0) AS visits_trend_7d,                 -- visits in 7 days, less those of the 7 before
    v.days_since_visit,                                                -- days since the last visit
    v.days_since_first_visit,                                          -- days since the first visit in 90 days
    COALESCE(v.active_days_30d, 0) AS active_days_30d,                 -- days with a visit in 30 days
    COALESCE(v.visit_minutes_7d, 0) AS visit_minutes_7d,               -- minutes on the site in 7 days
    COALESCE(v.visit_minutes_30d, 0) AS visit_minutes_30d,             -- minutes on the site in 30 days
    m.visit_minutes_median_90d,                                        -- minutes of the median visit in 90 days
    v.visit_minutes_max_90d,                                           -- minutes of the longest visit in 90 days
    g.visit_gap_days_median_90d,                                       -- median days between two visits in 90 days
    v.weekend_share_90d,                                               -- share of visits on Saturday or Sunday
    v.evening_share_90d,                                               -- share of visits from 18:00 UTC on
    v.bounce_share_90d,                                                -- share of visits shorter than 30 seconds
    COALESCE(v.devices_90d, 0) AS devices_90d,                         -- kinds of device used in 90 days
    f.device,                                                          -- device of the last visit
    f.traffic_source,                                                  -- where the last visit came from

    -- online: searches
    COALESCE(s.searches_7d, 0) AS searches_7d,                         -- searches in 7 days
    COALESCE(s.searches_30d, 0) AS searches_30d,                       -- searches in 30 days
    COALESCE(s.searches_trend_7d, 0) AS searches_trend_7d,             -- searches in 7 days, less those of the 7 before
    s.days_since_search,                                               -- days since the last search
    COALESCE(s.search_brands_30d, 0) AS search_brands_30d,             -- brands searched for in 30 days
    s.search_results_mean_30d,                                         -- vehicles that a search found, mean of 30 days
    sp.search_price_median_90d,                                        -- median price limit of the searches in 90 days
    s.search_price_range_90d,                                          -- highest less lowest price limit in 90 days

    -- online: viewed pages
    COALESCE(p.pages_1d, 0) AS pages_1d,                               -- pages viewed today
    COALESCE(p.pages_7d, 0) AS pages_7d,                               -- pages viewed in 7 days
    COALESCE(p.pages_30d, 0) AS pages_30d,                             -- pages viewed in 30 days
    COALESCE(p.pages_trend_7d, 0) AS pages_trend_7d,                   -- pages in 7 days, less those of the 7 before
    p.pages_per_visit_30d,                                             -- pages per visit in 30 days
    COALESCE(p.vehicles_viewed_30d, 0) AS vehicles_viewed_30d,         -- different vehicles viewed in 30 days
    COALESCE(pv.vehicle_views_max_30d, 0) AS vehicle_views_max_30d,    -- views of the vehicle viewed most in 30 days
    COALESCE(p.finance_pages_30d, 0) AS finance_pages_30d,             -- pages on financing or trade-in in 30 days
    COALESCE(p.showroom_pages_30d, 0) AS showroom_pages_30d,           -- pages on the showroom in 30 days
    ps.page_seconds_median_30d,                                        -- median seconds on a page in 30 days
    ps.page_seconds_p90_30d,                                           -- seconds on a page, 90th percentile in 30 days
    p.viewed_price_mean_30d,                                           -- mean price of the offers viewed in 30 days

    -- online: quotes
    COALESCE(q.quotes_30d, 0) AS quotes_30d,                           -- quotes asked for in 30 days
    COALESCE(q.quotes_90d, 0) AS quotes_90d,                           -- quotes asked for in 90 days
    q.days_since_quote,                                                -- days since the last quote
    q.quote_discount_90d,                                              -- discount over all quotes of 90 days, 0 to 1

    -- online: vehicle preferences
    w.brand AS preferred_brand,                                        -- brand the lead stated last
    w.body_type AS preferred_body,                                     -- body type the lead stated last
    w.fuel AS preferred_fuel,                                          -- fuel the lead stated last
    w.budget                                                           -- budget the lead stated last
FROM open_leads o
LEFT JOIN email_counts e ON e.lead_key = o.lead_key
LEFT JOIN call_counts c ON c.lead_key = o.lead_key
LEFT JOIN visit_counts v ON v.lead_key = o.lead_key
LEFT JOIN visit_minutes m ON m.lead_key = o.lead_key
LEFT JOIN visit_gaps g ON g.lead_key = o.lead_key
LEFT JOIN last_visits f ON f.lead_key = o.lead_key
LEFT JOIN search_counts s ON s.lead_key = o.lead_key
LEFT JOIN search_prices sp ON sp.lead_key = o.lead_key
LEFT JOIN page_counts p ON p.lead_key = o.lead_key
LEFT JOIN page_seconds ps ON ps.lead_key = o.lead_key
LEFT JOIN vehicle_views pv ON pv.lead_key = o.lead_key
LEFT JOIN quote_counts q ON q.lead_key = o.lead_key
LEFT JOIN last_preferences w ON w.lead_key = o.lead_key
ORDER BY o.lead_key;
