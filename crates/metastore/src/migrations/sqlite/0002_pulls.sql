-- Pulls, added up from time to time. They go with the manifest or the tag.

CREATE TABLE manifest_pull (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifest (id) ON DELETE CASCADE,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;

CREATE TABLE tag_pull (
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (repository_id, name),
    FOREIGN KEY (repository_id, name) REFERENCES tag (repository_id, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
