-- From the files to the bank's warehouse: applications, what happened to each until it was decided, and the decisions.
-- Every instant is in UTC without a zone, as :as_of is.
CREATE SCHEMA bank;

-- When an application was decided, and how. An acceptance is written as four events, and in 545 cases O_ACCEPTED stands
-- some milliseconds before the A_ events: it is the outcome too, and so is O_DECLINED. The first of them is the moment.
CREATE TABLE bank.decisions AS
SELECT case_id AS application_key,
       MIN(ts AT TIME ZONE 'UTC') AS decided_at,
       MAX(CASE WHEN activity IN ('A_APPROVED', 'A_REGISTERED', 'A_ACTIVATED') THEN 1 ELSE 0 END) AS accepted
FROM raw.events
WHERE activity IN ('A_APPROVED', 'A_REGISTERED', 'A_ACTIVATED', 'A_DECLINED', 'A_CANCELLED', 'O_ACCEPTED', 'O_DECLINED')
GROUP BY case_id;

-- Applications that are still open where the log ends have no decision, and stay out.
CREATE TABLE bank.applications AS
SELECT c.case_id AS application_key,
       c.reg_date AT TIME ZONE 'UTC' AS submitted_at,
       c.amount_req AS amount
FROM raw.cases c
JOIN bank.decisions d ON d.application_key = c.case_id;

-- The outcome's own events, and the O_ and W_ events that follow it, stay out: what is here happened before the decision.
CREATE TABLE bank.events AS
SELECT e.case_id AS application_key, e.seq AS nth, e.ts AT TIME ZONE 'UTC' AS event_ts, e.activity, e.lifecycle, e.resource
FROM raw.events e
JOIN bank.decisions d ON d.application_key = e.case_id
WHERE e.ts AT TIME ZONE 'UTC' < d.decided_at;

ANALYZE;
