-- No content has a later version than the catalogue: a cache would never see its change.
SELECT k.content, k.version FROM (
    SELECT content, version FROM enrolments UNION ALL SELECT content, version FROM content_pauses
) k
WHERE k.version > (SELECT version FROM catalogue_version);
