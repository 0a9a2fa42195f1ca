-- What the second backend needs, in the same shape here: uploads that whoever
-- reads them can go on with, and leases.

ALTER TABLE upload ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
-- What the blob store needs to find the bytes of an open upload.
ALTER TABLE upload ADD COLUMN place BLOB;
-- The bytes of an open upload themselves, while they are few.
ALTER TABLE upload ADD COLUMN held BLOB;

CREATE TABLE lease (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that do not tell their digest. Others are found by it, and cost nothing here.
CREATE INDEX blob_by_own_key ON blob (key) WHERE key >= 'berth/' AND key < 'berth0';
