-- The sponsor of every campaign is registered, and the current name of each sponsor is among its
-- names.
SELECT c.slug AS subject, c.promise::jsonb #>> '{campaign,sponsor}' AS name FROM campaigns c
WHERE NOT EXISTS (SELECT FROM sponsor_names n WHERE n.name = c.promise::jsonb #>> '{campaign,sponsor}')
UNION ALL
SELECT s.sponsor_id, s.name FROM sponsors s
WHERE NOT EXISTS (SELECT FROM sponsor_names n WHERE n.name = s.name AND n.sponsor_id = s.sponsor_id)
ORDER BY subject;
