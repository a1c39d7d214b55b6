INSERT INTO job (id, version, repository, number, requester, workflow, line, status, is_over, settled, admission, body)
VALUES ('01K5M0E4DPQ6J3M1G9V0T2B8XA', 3, 1296269, 12, 583231, 'deploy', 'deploy-staging', 'running', 0, 0, '"now"', '{}');
INSERT INTO lock (repository, environment, holder, person, reason, since, held)
VALUES (1296269, 'staging', '{"job":"01K5M0E4DPQ6J3M1G9V0T2B8XA"}', '{"id":583231,"login":"octocat"}', NULL, 1790000000000, 1);
INSERT INTO wait (key, job, topic, look_at, body)
VALUES ('01K5M0E4DPQ6J3M1G9V0T2B8XA-0011223344ff', '01K5M0E4DPQ6J3M1G9V0T2B8XA', 'approval/01K5M0E4DPQ6J3M1G9V0T2B8XA', NULL, '{}');
