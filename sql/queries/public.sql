-- name: every_day_count
-- Every campaign's days, in order.
SELECT campaign_id, day, counted, withdrawn, quarantined, void, over_limit, duplicate FROM day_counts
ORDER BY campaign_id, day;

-- name: every_refusal
-- What each campaign refused, over all its days.
SELECT campaign_id, outcome, sum(likes)::bigint AS likes FROM refusal_counts GROUP BY campaign_id, outcome;

-- name: every_people_count
-- How many people each campaign had when they were last counted.
SELECT campaign_id, people, as_of FROM people_counts;
