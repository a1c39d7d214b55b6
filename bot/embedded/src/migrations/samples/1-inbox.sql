INSERT INTO segment VALUES (1, 2, 1790000000000, 1790000000100, zeroblob(32), x'01');
INSERT INTO payload VALUES (1, x'28b52ffd');
INSERT INTO handler VALUES (1, 'commands');
INSERT INTO work VALUES (1, 1, 1790000000200, NULL, 1, 0, 0, 1, x'03');
INSERT INTO dead_letter VALUES (1, 1, 1, 0, zeroblob(16), 'issue_comment', 'octo/repo', 5, 1790000000300, '["no"]');
INSERT INTO once VALUES (zeroblob(24), 1, NULL, 0, 1, 1797776000000);
UPDATE setting SET value = 3 WHERE name = 'next_delivery';
