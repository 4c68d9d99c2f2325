-- Nobody approved or refused their own proposal.
SELECT p.proposal_id, p.command, p.asked_by, s.state, s.at FROM proposals p
JOIN proposal_steps s USING (proposal_id)
WHERE s.by = p.asked_by AND s.state IN ('approved', 'done', 'refused')
ORDER BY p.proposal_id, s.number;
