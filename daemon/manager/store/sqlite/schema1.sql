-- The manager's tables, version 1. Names, types, scopes and times are plain, so that lists and
-- uniqueness need no key; every value is in a `sealed` column, an envelope bound to its table, row,
-- column and version (keys.h). Types, scopes and roles are the API's own words. Times: ms since 1970.

CREATE TABLE state (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	epoch TEXT NOT NULL,
	change_number INTEGER NOT NULL,
	key_check BLOB NOT NULL
) STRICT;

CREATE TABLE secret (
	name TEXT PRIMARY KEY,
	sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE organization (
	id TEXT PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	secrets_fetching INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE workspace (
	id TEXT PRIMARY KEY,
	organization_id TEXT NOT NULL REFERENCES organization (id),
	name TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (organization_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE deployment (
	id TEXT PRIMARY KEY,
	organization_id TEXT NOT NULL REFERENCES organization (id),
	workspace_id TEXT NOT NULL REFERENCES workspace (id),
	name TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (workspace_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX deployment_organization ON deployment (organization_id, name);

CREATE TABLE object (
	n INTEGER PRIMARY KEY,
	id TEXT NOT NULL UNIQUE,
	organization_id TEXT NOT NULL REFERENCES organization (id),
	workspace_id TEXT NOT NULL REFERENCES workspace (id),
	scope TEXT NOT NULL,
	scope_id TEXT NOT NULL,
	type TEXT NOT NULL,
	key TEXT NOT NULL,
	auto_link INTEGER NOT NULL,
	version INTEGER NOT NULL,
	sealed BLOB NOT NULL,
	created_ms INTEGER NOT NULL,
	created_by TEXT NOT NULL,
	created_by_name TEXT NOT NULL,
	updated_ms INTEGER NOT NULL,
	updated_by TEXT NOT NULL,
	updated_by_name TEXT NOT NULL,
	UNIQUE (scope_id, type, key)
) STRICT;
CREATE INDEX object_workspace ON object (workspace_id);
CREATE INDEX object_organization ON object (organization_id);

-- sealed is NULL when the link overrides nothing.
CREATE TABLE link (
	object INTEGER NOT NULL REFERENCES object (n) ON DELETE CASCADE,
	entity_id TEXT NOT NULL,
	scope TEXT NOT NULL,
	position INTEGER NOT NULL,
	version INTEGER NOT NULL,
	sealed BLOB,
	PRIMARY KEY (object, entity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_entity ON link (entity_id);

CREATE TABLE exclusion (
	object INTEGER NOT NULL REFERENCES object (n) ON DELETE CASCADE,
	entity_id TEXT NOT NULL,
	scope TEXT NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (object, entity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX exclusion_entity ON exclusion (entity_id);

-- The change number of what is seen at a scope, by type; rows outlive what they count.
CREATE TABLE change (
	scope_id TEXT NOT NULL,
	type TEXT NOT NULL,
	scope TEXT NOT NULL,
	workspace_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	PRIMARY KEY (scope_id, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX change_number ON change (number);
CREATE INDEX change_workspace ON change (workspace_id);

CREATE TABLE token (
	id TEXT PRIMARY KEY,
	organization_id TEXT NOT NULL REFERENCES organization (id),
	name TEXT NOT NULL,
	scope TEXT NOT NULL,
	scope_id TEXT NOT NULL,
	role TEXT NOT NULL,
	jti_hash BLOB NOT NULL UNIQUE,
	created_ms INTEGER NOT NULL,
	expires_ms INTEGER NOT NULL,
	revoked_ms INTEGER NOT NULL,
	last_used_ms INTEGER NOT NULL,
	created_by TEXT NOT NULL,
	created_by_name TEXT NOT NULL
) STRICT, WITHOUT ROWID;
