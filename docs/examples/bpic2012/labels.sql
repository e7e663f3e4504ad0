-- Labels for training: a row per application that was open as of :as_of, and whether it was accepted within 30 days.
-- A label looks into the future, which is why it has a script of its own, that no run reads, and why it must be 30 days
-- old before anybody may learn from it.

CREATE TEMP TABLE open_applications AS
SELECT a.application_key
FROM bank.applications a
LEFT JOIN bank.decisions d ON d.application_key = a.application_key AND d.decided_at < :as_of
WHERE a.submitted_at < :as_of AND d.application_key IS NULL;

SELECT o.application_key, CASE WHEN d.accepted = 1 THEN 1 ELSE 0 END AS accepted
FROM open_applications o
LEFT JOIN bank.decisions d ON d.application_key = o.application_key AND d.decided_at < :as_of + INTERVAL '30 days'
ORDER BY o.application_key;
