-- Accounts, what they may do, and the log of who did what. All of it is new,
-- so programs that know nothing of it go on as before.

-- Numbers of accounts and tokens are never given twice: what was issued to a
-- removed one means nothing for a new one.
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('user', 'robot')),
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    source_id TEXT,
    is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1)),
    is_disabled INTEGER NOT NULL DEFAULT 0 CHECK (is_disabled IN (0, 1)),
    -- What proves it, as a password hash; absent where somebody else does.
    secret TEXT,
    -- Rises with each new secret.
    epoch INTEGER NOT NULL DEFAULT 1,
    expires INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;
CREATE INDEX account_admin ON account (id)
    WHERE is_admin = 1 AND is_disabled = 0 AND kind = 'user';

-- Groups of an account elsewhere, as its source told them last.
CREATE TABLE account_group (
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE team (
    name TEXT PRIMARY KEY NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE team_member (
    team TEXT NOT NULL REFERENCES team (name) ON DELETE CASCADE,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (team, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_member_by_account ON team_member (account_id, team);

CREATE TABLE credential (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('personal', 'refresh')),
    -- SHA-256 of the token.
    hash BLOB NOT NULL UNIQUE,
    label TEXT NOT NULL,
    -- A JSON array of texts.
    scopes TEXT NOT NULL,
    -- The account's epoch when it was made.
    epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires INTEGER,
    last_used INTEGER
) STRICT;
CREATE INDEX credential_by_account ON credential (account_id);
CREATE INDEX credential_by_end ON credential (expires) WHERE expires IS NOT NULL;

-- Roles that somebody named; actions are a JSON array of texts.
CREATE TABLE role (
    name TEXT PRIMARY KEY NOT NULL,
    actions TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_grant (
    subject TEXT NOT NULL,
    pattern TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (subject, pattern, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX access_grant_by_role ON access_grant (role);

CREATE TABLE visibility (
    pattern TEXT PRIMARY KEY NOT NULL,
    visibility TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Rises with every change of anything above, except when a token is made or used.
CREATE TABLE access_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO access_version (id, version) VALUES (1, 0);

-- Grows at its end, shrinks at its beginning. The sealer adds sequence and hash.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    -- When the row was written, by the clock of the database.
    written INTEGER NOT NULL,
    actor TEXT NOT NULL,
    via TEXT NOT NULL,
    address TEXT,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    outcome TEXT NOT NULL,
    request TEXT,
    -- JSON.
    detail TEXT,
    count INTEGER NOT NULL,
    sequence INTEGER,
    hash BLOB,
    CHECK ((sequence IS NULL) = (hash IS NULL))
) STRICT;
CREATE INDEX audit_by_at ON audit (at);
CREATE INDEX audit_by_actor ON audit (actor);
CREATE INDEX audit_by_target ON audit (target);
CREATE UNIQUE INDEX audit_by_sequence ON audit (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (id) WHERE sequence IS NULL;
