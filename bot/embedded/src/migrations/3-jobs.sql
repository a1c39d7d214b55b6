-- Jobs, the locks of environments, and the steps that wait for something outside.

CREATE TABLE job (
    id TEXT PRIMARY KEY,          -- a ULID, so rows are appended
    version INTEGER NOT NULL,
    repository INTEGER NOT NULL,
    number INTEGER,               -- of the issue or pull request
    requester INTEGER NOT NULL,
    workflow TEXT NOT NULL,
    line TEXT,                    -- its concurrency group
    status TEXT NOT NULL,
    is_over INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    admission TEXT NOT NULL,      -- JSON: how its turn was decided
    body TEXT NOT NULL            -- JSON
) STRICT;

CREATE INDEX job_by_repository ON job (repository, id);
CREATE INDEX job_by_requester ON job (requester, id);
CREATE INDEX job_in_line ON job (repository, line, id) WHERE is_over = 0;
CREATE INDEX job_unsettled ON job (id) WHERE settled = 0;

-- A row for whoever holds a lock, and one for each that waits for it, in the order of their ids.
CREATE TABLE lock (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository INTEGER NOT NULL,
    environment TEXT NOT NULL,
    holder TEXT NOT NULL,         -- JSON
    person TEXT NOT NULL,         -- JSON
    reason TEXT,
    since INTEGER NOT NULL,       -- of those that wait: since when they do
    held INTEGER NOT NULL,
    UNIQUE (repository, environment, holder)
) STRICT;

CREATE UNIQUE INDEX lock_held ON lock (repository, environment) WHERE held = 1;
CREATE INDEX lock_by_holder ON lock (holder);

CREATE TABLE wait (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    job TEXT NOT NULL,
    topic TEXT NOT NULL,
    look_at INTEGER,
    body TEXT NOT NULL            -- JSON, the task token in it
) STRICT;

CREATE INDEX wait_by_topic ON wait (topic, id);
CREATE INDEX wait_by_job ON wait (job, id);
CREATE INDEX wait_by_look ON wait (look_at) WHERE look_at IS NOT NULL;
