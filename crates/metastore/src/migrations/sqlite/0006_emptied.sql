-- When a repository lost its last manifest, the last time that it did. A table
-- of its own: programs that know nothing of it go on as before.
CREATE TABLE emptied (
    repository TEXT PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
