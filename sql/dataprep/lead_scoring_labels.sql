-- Labels for training: a row per lead that was open as of :as_of, and whether it converted within 30 days. Labels look
-- into the future, which is why they have a script of their own that no run reads.

-- The same leads as in lead_scoring.sql.
CREATE TEMP TABLE open_leads AS
SELECT l.lead_key
FROM (
    SELECT DISTINCT lead_key
    FROM crm.leads
    WHERE event_ts < :as_of AND loaded_at <= :as_of AND created_at < :as_of
) l
LEFT JOIN (
    SELECT lead_key, LOWER(TRIM(status)) AS state,
           ROW_NUMBER() OVER (PARTITION BY lead_key ORDER BY event_ts DESC, status_id DESC, loaded_at, status) AS nth
    FROM crm.lead_status
    WHERE event_ts < :as_of AND loaded_at <= :as_of
) s ON s.lead_key = l.lead_key AND s.nth = 1
WHERE COALESCE(s.state, 'new') NOT IN ('converted', 'lost');

-- A sale made before :as_of but not known by then counts too: to whoever acts on the score, that lead is open.
CREATE TEMP TABLE sales AS
SELECT DISTINCT lead_key
FROM crm.lead_status
WHERE LOWER(TRIM(status)) = 'converted' AND event_ts < :as_of + INTERVAL '30 days';

SELECT o.lead_key, CASE WHEN s.lead_key IS NULL THEN 0 ELSE 1 END AS converted
FROM open_leads o
LEFT JOIN sales s ON s.lead_key = o.lead_key
ORDER BY o.lead_key;
