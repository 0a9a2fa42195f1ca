-- Accounts, what they may do, and the log of who did what. All of it is new,
-- so programs that know nothing of it go on as before.

-- Numbers of accounts and tokens are never given twice: what was issued to a
-- removed one means nothing for a new one.
CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('user', 'robot')),
    name text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    source_id text COLLATE "C",
    is_admin boolean NOT NULL,
    is_disabled boolean NOT NULL DEFAULT false,
    -- What proves it, as a password hash; absent where somebody else does.
    secret text COLLATE "C",
    -- Rises with each new secret.
    epoch bigint NOT NULL DEFAULT 1,
    expires bigint,
    created_at bigint NOT NULL,
    UNIQUE (kind, name)
);
CREATE INDEX account_admin ON account (id) WHERE is_admin AND NOT is_disabled AND kind = 'user';

-- Groups of an account elsewhere, as its source told them last.
CREATE TABLE account_group (
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, name)
);

CREATE TABLE team (
    name text COLLATE "C" PRIMARY KEY,
    created_at bigint NOT NULL
);

CREATE TABLE team_member (
    team text COLLATE "C" NOT NULL REFERENCES team (name) ON DELETE CASCADE,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    PRIMARY KEY (team, account_id)
);
CREATE INDEX team_member_by_account ON team_member (account_id, team);

CREATE TABLE credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('personal', 'refresh')),
    -- SHA-256 of the token.
    hash bytea NOT NULL UNIQUE,
    label text COLLATE "C" NOT NULL,
    scopes text[] NOT NULL,
    -- The account's epoch when it was made.
    epoch bigint NOT NULL,
    created_at bigint NOT NULL,
    expires bigint,
    last_used bigint
);
CREATE INDEX credential_by_account ON credential (account_id, id);
CREATE INDEX credential_by_end ON credential (expires) WHERE expires IS NOT NULL;

-- Roles that somebody named.
CREATE TABLE role (
    name text COLLATE "C" PRIMARY KEY,
    actions text[] NOT NULL
);

CREATE TABLE access_grant (
    subject text COLLATE "C" NOT NULL,
    pattern text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (subject, pattern, role)
);
CREATE INDEX access_grant_by_role ON access_grant (role);

CREATE TABLE visibility (
    pattern text COLLATE "C" PRIMARY KEY,
    visibility text COLLATE "C" NOT NULL
);

-- Rises with every change of anything above, except when a token is made or used.
-- Whoever changes something locks the row first.
CREATE TABLE access_version (
    id bigint PRIMARY KEY CHECK (id = 1),
    version bigint NOT NULL
);
INSERT INTO access_version (id, version) VALUES (1, 0);

-- Grows at its end, shrinks at its beginning. The sealer adds sequence and hash.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    -- When the row was written, by the clock of the database.
    written bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    via text COLLATE "C" NOT NULL,
    address text COLLATE "C",
    action text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    request text COLLATE "C",
    -- JSON.
    detail text COLLATE "C",
    count bigint NOT NULL,
    sequence bigint,
    hash bytea,
    CHECK ((sequence IS NULL) = (hash IS NULL))
);
CREATE INDEX audit_by_at ON audit (at);
CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_target ON audit (target, id);
CREATE UNIQUE INDEX audit_by_sequence ON audit (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (id) WHERE sequence IS NULL;
