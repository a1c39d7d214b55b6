-- What arrived, what is still to do about it, and what was done.

-- The deliveries of one commit. Its id is the number of its first delivery. Times are milliseconds since 1970.
CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    ids BLOB NOT NULL,       -- 16 bytes a delivery; before the directory, so that it is read without it
    directory BLOB NOT NULL  -- event, action, repository, lengths: see segment.rs
) STRICT;

-- In a listing's order, and with both ends, so that one of a past month skips newer segments without reading them.
CREATE INDEX segment_by_time ON segment (last_at, id, first_at);

-- Beside the directory and not in its row, so that listing does not step over megabytes.
CREATE TABLE payload (
    segment INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL      -- zstd: headers and body of each delivery, in order
) STRICT;

-- Handlers' names, once.
CREATE TABLE handler (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- One handler's share of one segment.
CREATE TABLE work (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL,        -- the handler, or 0 for what runs alone
    due_at INTEGER NOT NULL,      -- while it is leased: when the lease ends
    lease INTEGER,
    handler INTEGER NOT NULL,
    attempts INTEGER NOT NULL,    -- those that ended
    interrupted INTEGER NOT NULL, -- those among them that ended with the process
    segment INTEGER NOT NULL,
    todo BLOB NOT NULL            -- a bit a delivery of the segment, lowest first
) STRICT;

CREATE INDEX work_by_due ON work (lane, due_at);

-- Work that failed on its last attempt. It outlives its delivery's payload, so it repeats what a listing shows.
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handler INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    delivery BLOB NOT NULL,
    event TEXT NOT NULL,
    repository TEXT,
    attempts INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    errors TEXT NOT NULL     -- a JSON array, outermost first
) STRICT;

CREATE INDEX dead_letter_by_handler ON dead_letter (handler, id);

-- What may happen once.
CREATE TABLE once (
    key BLOB PRIMARY KEY,         -- the delivery's 16 bytes, then the handler's name
    done INTEGER NOT NULL,
    lease INTEGER,
    lease_until INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX once_by_expiry ON once (expires_at);

-- Single values: the next delivery's number must not start again when everything has expired.
CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO setting (name, value) VALUES ('next_delivery', 1), ('ready', 0);
