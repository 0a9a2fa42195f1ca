-- One tree for the rows and one for their age, instead of three in all: every
-- push writes to each of them.

CREATE TABLE upload_next (
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
) STRICT, WITHOUT ROWID;
INSERT INTO upload_next (id, repository, started_at, updated_at, state, offset, hashers, digest)
    SELECT id, repository, started_at, updated_at, state, offset, hashers, digest FROM upload;
DROP TABLE upload;
ALTER TABLE upload_next RENAME TO upload;
CREATE INDEX upload_by_age ON upload (updated_at);
