-- Version 5: sign-in codes that were used, by their hash; reports of sidecars; the program's version.
-- A code is good for a minute.

CREATE TABLE used_code (
	hash BLOB PRIMARY KEY,
	expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last report of each connd (X-Connd-Report), for people to see: it decides nothing.
CREATE TABLE sidecar (
	scope_id TEXT NOT NULL,
	id TEXT NOT NULL,
	scope TEXT NOT NULL,
	organization_id TEXT NOT NULL,
	workspace_id TEXT NOT NULL,
	token_id TEXT NOT NULL,
	name TEXT NOT NULL,
	report TEXT NOT NULL,
	first_ms INTEGER NOT NULL,
	seen_ms INTEGER NOT NULL,
	confirmed_ms INTEGER NOT NULL,
	PRIMARY KEY (scope_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sidecar_seen ON sidecar (seen_ms);

-- When a view last changed: a sidecar that confirmed its data since then is on the newest.
ALTER TABLE change ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;

-- The program that brought the database to its schema: an older one names it when it refuses.
CREATE TABLE program (
	version TEXT NOT NULL
) STRICT;
INSERT INTO program VALUES ('');
