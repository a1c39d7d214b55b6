INSERT INTO handler (id, name) VALUES (1, 'commands');
INSERT INTO segment VALUES (1, 2, 1790000000000, 1790000000123, zeroblob(32), x'01');
INSERT INTO payload VALUES (1, x'28b52ffd');
INSERT INTO work VALUES (1, 1, 1790000000000, NULL, 1, 0, 0, 1, x'03');
INSERT INTO work VALUES (2, 0, 1790000000000, 77, 1, 2, 2, 1, x'02');
INSERT INTO dead_letter (handler, segment, ordinal, delivery, event, attempts, failed_at, errors)
    VALUES (1, 1, 0, zeroblob(16), 'push', 5, 1790000000000, '["no"]');
INSERT INTO once VALUES (zeroblob(20), 1, NULL, 0, 1, 1790000000000);
UPDATE setting SET value = 3 WHERE name = 'next_delivery';
