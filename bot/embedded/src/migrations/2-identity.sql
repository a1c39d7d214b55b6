-- People: their grants, what a login carries, their sessions, and the commands that wait for them.

-- A person's authorization, sealed. `vault.rs` says what an attacker who writes here can and cannot do.
CREATE TABLE user_grant (
    user INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,     -- grows with every write of this person's, over deletions too
    key_id TEXT NOT NULL,         -- what the data key is wrapped with
    wrapped BLOB NOT NULL,        -- the data key
    sealed BLOB NOT NULL,         -- the grant
    stored_at INTEGER NOT NULL,
    lease INTEGER,                -- who refreshes it
    lease_until INTEGER NOT NULL
) STRICT;

-- Rotation looks for what is not under the active key.
CREATE INDEX user_grant_by_key ON user_grant (key_id, user);

-- What works once. Neither token nor payload can be read from it.
CREATE TABLE nonce (
    hash BLOB PRIMARY KEY,        -- of purpose and token
    sealed BLOB NOT NULL,         -- the payload, under a key derived from the token
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX nonce_by_expiry ON nonce (expires_at);

-- Deputy's own sessions.
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,    -- of the token
    user INTEGER NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used INTEGER NOT NULL,   -- some minutes behind
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX session_by_user ON session (user, id);
CREATE INDEX session_by_expiry ON session (expires_at);

-- A reply that asks somebody to log in.
CREATE TABLE prompt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL,
    place TEXT NOT NULL,
    installation INTEGER NOT NULL,
    repository TEXT NOT NULL,     -- JSON
    reply TEXT,                   -- JSON; NULL until it was posted
    asker BLOB NOT NULL,          -- the command whose handler posts it: 16 bytes of delivery, 4 of index
    ask_until INTEGER NOT NULL,   -- after this another command's handler may
    asked_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL   -- with the last of its commands
) STRICT;

CREATE INDEX prompt_by_person ON prompt (user, place);
CREATE INDEX prompt_by_expiry ON prompt (expires_at);

-- A command whose author must log in first.
CREATE TABLE waiting (
    id INTEGER PRIMARY KEY,
    delivery BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    prompt INTEGER NOT NULL,
    user INTEGER NOT NULL,
    place TEXT NOT NULL,
    name TEXT NOT NULL,
    installation INTEGER NOT NULL,
    repository TEXT NOT NULL,     -- JSON
    html_url TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    released INTEGER NOT NULL,    -- the person has logged in; from then on it does not expire
    lease_until INTEGER NOT NULL,
    UNIQUE (delivery, ordinal)
) STRICT;

CREATE INDEX waiting_by_person ON waiting (user, released);
CREATE INDEX waiting_by_prompt ON waiting (prompt);
CREATE INDEX waiting_released ON waiting (lease_until) WHERE released = 1;
