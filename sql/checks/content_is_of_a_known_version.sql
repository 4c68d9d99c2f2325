-- No content is of a version of the catalogue that is still to come: whoever remembers it would never see the change.
SELECT k.content, k.version FROM (
    SELECT content, version FROM enrolments UNION ALL SELECT content, version FROM pauses
) k
WHERE k.version > (SELECT version FROM catalogue);
