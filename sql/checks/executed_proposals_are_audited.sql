-- The audit log has every executed proposal once, as the action of its author, and every other
-- proposal as a request only.
SELECT p.proposal_id, p.command, n.state, a.executions, a.requests FROM proposals p
CROSS JOIN LATERAL (
    SELECT state FROM proposal_steps s WHERE s.proposal_id = p.proposal_id ORDER BY number DESC LIMIT 1
) n
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE a.command = p.command AND a.subject = p.subject AND a.by = p.asked_by) AS executions,
        count(*) FILTER (WHERE a.command = 'proposal.create' AND a.by = p.asked_by) AS requests
    FROM audit_log a WHERE a.proposal_id = p.proposal_id
) a
WHERE a.requests <> 1 OR a.executions <> CASE WHEN n.state = 'done' THEN 1 ELSE 0 END
ORDER BY p.proposal_id;
