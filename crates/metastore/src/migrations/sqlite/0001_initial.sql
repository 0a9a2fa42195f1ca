-- Digests are blobs: one byte for the algorithm, then the raw hash. Times are
-- milliseconds since the Unix epoch, UTC. Names and tags compare by bytes.

CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Number of the newest migration that was applied.
    schema INTEGER NOT NULL,
    -- A program whose newest migration is older than this must not open the file.
    min_binary INTEGER NOT NULL
) STRICT;
INSERT INTO meta (id, schema, min_binary) VALUES (1, 0, 0);

-- Kept for ever once it had content. `manifests` counts its manifest rows.
CREATE TABLE repository (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    manifests INTEGER NOT NULL DEFAULT 0 CHECK (manifests >= 0)
) STRICT;
CREATE INDEX repository_catalog ON repository (name) WHERE manifests > 0;

-- `key` or `content`, never both; neither column says anything about membership.
CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('live', 'damaged', 'condemned', 'deleting')),
    verified INTEGER NOT NULL CHECK (verified IN (0, 1)),
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    key TEXT,
    content BLOB,
    CHECK ((key IS NULL) <> (content IS NULL))
) STRICT;
CREATE INDEX blob_unverified ON blob (sha256, size) WHERE verified = 0 AND state = 'live';
CREATE INDEX blob_deleting ON blob (sha256) WHERE state = 'deleting';

-- The other name of the same bytes, of blobs and manifests alike.
CREATE TABLE alias (
    sha512 BLOB PRIMARY KEY NOT NULL,
    sha256 BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_by_sha256 ON alias (sha256);

-- A blob's membership in a repository.
CREATE TABLE link (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    sha256 BLOB NOT NULL REFERENCES blob (sha256),
    at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, sha256)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_blob ON link (sha256);

-- Shared by all repositories; goes with the last manifest row.
CREATE TABLE manifest_bytes (
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE manifest (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    sha256 BLOB NOT NULL,
    bytes_id INTEGER NOT NULL REFERENCES manifest_bytes (id),
    -- As pushed last: the sha512 if it was pushed by that, else the sha256.
    digest BLOB NOT NULL,
    media_type TEXT NOT NULL,
    subject BLOB,
    artifact_type TEXT,
    annotations TEXT,
    at INTEGER NOT NULL,
    UNIQUE (repository_id, sha256)
) STRICT;
CREATE INDEX manifest_by_bytes ON manifest (bytes_id);
CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;

-- What a manifest points at, by the digest that it names; never its subject.
CREATE TABLE reference (
    manifest_id INTEGER NOT NULL REFERENCES manifest (id),
    role TEXT NOT NULL,
    digest BLOB NOT NULL,
    repository_id INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, role, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_by_digest ON reference (repository_id, digest);

CREATE TABLE tag (
    repository_id INTEGER NOT NULL REFERENCES repository (id),
    name TEXT NOT NULL,
    manifest_id INTEGER NOT NULL REFERENCES manifest (id),
    digest BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_manifest ON tag (manifest_id);

-- Every move of every tag; `from_digest` is absent at its birth, `to_digest` at its end.
CREATE TABLE tag_history (
    id INTEGER PRIMARY KEY,
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    from_digest BLOB,
    to_digest BLOB,
    at INTEGER NOT NULL,
    actor TEXT
) STRICT;
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

CREATE TABLE upload (
    id TEXT PRIMARY KEY NOT NULL,
    repository TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'finished', 'cancelled')),
    offset INTEGER,
    hashers BLOB,
    digest BLOB,
    CHECK ((state = 'open') = (offset IS NOT NULL AND hashers IS NOT NULL)),
    CHECK ((state = 'finished') = (digest IS NOT NULL))
) STRICT;
CREATE INDEX upload_by_age ON upload (state, updated_at);

CREATE TABLE setting (
    key TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
