-- Digests are bytea: one byte for the algorithm, then the raw hash. Times are
-- milliseconds since the Unix epoch, UTC. Names and tags compare by bytes.

CREATE TABLE meta (
    id bigint PRIMARY KEY CHECK (id = 1),
    -- Number of the newest migration that was applied.
    schema bigint NOT NULL,
    -- A program whose newest migration is older than this must not use the tables.
    min_binary bigint NOT NULL
);
INSERT INTO meta (id, schema, min_binary) VALUES (1, 0, 0);

-- Kept for ever once it had content. `manifests` counts its manifest rows.
CREATE TABLE repository (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    created_at bigint NOT NULL,
    manifests bigint NOT NULL DEFAULT 0 CHECK (manifests >= 0)
);
CREATE INDEX repository_catalog ON repository (name) WHERE manifests > 0;

-- `key` or `content`, never both; neither column says anything about membership.
CREATE TABLE blob (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE,
    size bigint NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('live', 'damaged', 'condemned', 'deleting')),
    verified boolean NOT NULL,
    created_at bigint NOT NULL,
    used_at bigint NOT NULL,
    key text COLLATE "C",
    content bytea,
    CHECK ((key IS NULL) <> (content IS NULL))
);
CREATE INDEX blob_unverified ON blob (sha256, size) WHERE NOT verified AND state = 'live';
CREATE INDEX blob_deleting ON blob (sha256) WHERE state = 'deleting';
-- Keys that do not tell their digest. Others are found by it, and cost nothing here.
CREATE INDEX blob_by_own_key ON blob (key) WHERE key >= 'berth/' AND key < 'berth0';

-- The other name of the same bytes, of blobs and manifests alike.
CREATE TABLE alias (
    sha512 bytea PRIMARY KEY,
    sha256 bytea NOT NULL
);
CREATE INDEX alias_by_sha256 ON alias (sha256);

-- A blob's membership in a repository.
CREATE TABLE link (
    repository_id bigint NOT NULL REFERENCES repository (id),
    sha256 bytea NOT NULL REFERENCES blob (sha256),
    at bigint NOT NULL,
    PRIMARY KEY (repository_id, sha256)
);
CREATE INDEX link_by_blob ON link (sha256);

-- Shared by all repositories; goes with the last manifest row.
CREATE TABLE manifest_bytes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sha256 bytea NOT NULL UNIQUE,
    bytes bytea NOT NULL
);

CREATE TABLE manifest (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id bigint NOT NULL REFERENCES repository (id),
    sha256 bytea NOT NULL,
    bytes_id bigint NOT NULL REFERENCES manifest_bytes (id),
    -- As pushed last: the sha512 if it was pushed by that, else the sha256.
    digest bytea NOT NULL,
    media_type text COLLATE "C" NOT NULL,
    subject bytea,
    artifact_type text COLLATE "C",
    annotations text COLLATE "C",
    at bigint NOT NULL,
    UNIQUE (repository_id, sha256)
);
CREATE INDEX manifest_by_bytes ON manifest (bytes_id);
CREATE INDEX manifest_by_subject ON manifest (repository_id, subject, digest) WHERE subject IS NOT NULL;

-- What a manifest points at, by the digest that it names; never its subject.
CREATE TABLE reference (
    manifest_id bigint NOT NULL REFERENCES manifest (id),
    role text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    repository_id bigint NOT NULL,
    PRIMARY KEY (manifest_id, role, digest)
);
CREATE INDEX reference_by_digest ON reference (repository_id, digest);

CREATE TABLE tag (
    repository_id bigint NOT NULL REFERENCES repository (id),
    name text COLLATE "C" NOT NULL,
    manifest_id bigint NOT NULL REFERENCES manifest (id),
    digest bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (repository_id, name)
);
CREATE INDEX tag_by_manifest ON tag (manifest_id);

-- Every move of every tag; `from_digest` is absent at its birth, `to_digest` at its end.
CREATE TABLE tag_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    from_digest bytea,
    to_digest bytea,
    at bigint NOT NULL,
    actor text COLLATE "C"
);
CREATE INDEX tag_history_by_tag ON tag_history (repository_id, name, id);

-- Pulls, added up from time to time. They go with the manifest or the tag.
CREATE TABLE manifest_pull (
    manifest_id bigint PRIMARY KEY REFERENCES manifest (id) ON DELETE CASCADE,
    count bigint NOT NULL,
    last bigint NOT NULL
);
CREATE TABLE tag_pull (
    repository_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, name) REFERENCES tag (repository_id, name) ON DELETE CASCADE
);

-- An open upload has hash states and a place, or, while its bytes are few, these.
CREATE TABLE upload (
    id text COLLATE "C" PRIMARY KEY,
    repository text COLLATE "C" NOT NULL,
    started_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    version bigint NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'finished', 'cancelled')),
    "offset" bigint,
    hashers bytea,
    place bytea,
    held bytea,
    digest bytea,
    CHECK ((state = 'open') = ("offset" IS NOT NULL AND (hashers IS NULL) = (held IS NOT NULL))),
    CHECK ((state = 'finished') = (digest IS NOT NULL))
);
CREATE INDEX upload_by_age ON upload (updated_at);

CREATE TABLE setting (
    key text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE lease (
    name text COLLATE "C" PRIMARY KEY,
    holder text COLLATE "C" NOT NULL,
    until bigint NOT NULL
);
