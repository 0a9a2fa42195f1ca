-- When a repository lost its last manifest, the last time that it did. A table
-- of its own: programs that know nothing of it go on as before, and nobody who
-- reads repositories for long, as a backup does, is waited for.
CREATE TABLE emptied (
    repository text COLLATE "C" PRIMARY KEY,
    at bigint NOT NULL
);
