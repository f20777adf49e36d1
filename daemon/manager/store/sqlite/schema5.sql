-- Version 5: sign-in codes that were used, by their hash. A code is good for a minute.

CREATE TABLE used_code (
	hash BLOB PRIMARY KEY,
	expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
