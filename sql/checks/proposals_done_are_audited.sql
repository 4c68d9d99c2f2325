-- What was proposed and done stands in the audit once, as its asker's; what was not done stands there as asked for only.
SELECT p.proposal_id, p.command, n.state, a.done, a.asked FROM proposals p
CROSS JOIN LATERAL (
    SELECT state FROM proposal_steps s WHERE s.proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) n
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE a.command = p.command AND a.subject = p.subject AND a.by = p.asked_by) AS done,
        count(*) FILTER (WHERE a.command = 'proposal.ask' AND a.by = p.asked_by) AS asked
    FROM audit a WHERE a.proposal_id = p.proposal_id
) a
WHERE a.asked <> 1 OR a.done <> CASE WHEN n.state = 'done' THEN 1 ELSE 0 END
ORDER BY p.proposal_id;
