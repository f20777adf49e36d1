-- Version 2: projects, what objects were before, who did what.

CREATE TABLE project (
	id TEXT PRIMARY KEY,
	organization_id TEXT NOT NULL REFERENCES organization (id),
	workspace_id TEXT NOT NULL REFERENCES workspace (id),
	deployment_id TEXT REFERENCES deployment (id) ON DELETE SET NULL,
	name TEXT NOT NULL,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	UNIQUE (workspace_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX project_organization ON project (organization_id, name);
CREATE INDEX project_deployment ON project (deployment_id);

ALTER TABLE object ADD COLUMN auto_link_projects INTEGER NOT NULL DEFAULT 0;

-- An object as it was after each change (history.h); sealed like every value.
CREATE TABLE version (
	object_id TEXT NOT NULL,
	version INTEGER NOT NULL,
	sealed BLOB NOT NULL,
	PRIMARY KEY (object_id, version)
) STRICT, WITHOUT ROWID;

-- Who did what, when: names and field names, never values. subject_id is the object, token or
-- entity it was done to; version is that of the object, 0 elsewhere.
CREATE TABLE audit (
	n INTEGER PRIMARY KEY,
	at_ms INTEGER NOT NULL,
	action TEXT NOT NULL,
	actor TEXT NOT NULL,
	actor_name TEXT NOT NULL,
	organization_id TEXT NOT NULL,
	workspace_id TEXT NOT NULL,
	scope TEXT NOT NULL,
	scope_id TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	type TEXT NOT NULL,
	key TEXT NOT NULL,
	version INTEGER NOT NULL,
	fields TEXT NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit (subject_id, n);
CREATE INDEX audit_workspace ON audit (workspace_id, n);
CREATE INDEX audit_at ON audit (at_ms);

-- Everything that has a name and a parent, alike.
CREATE VIEW entity AS
	SELECT 'ORGANIZATION' AS scope, id, id AS organization_id, '' AS workspace_id,
		'' AS deployment_id, '' AS parent_id, name, secrets_fetching, created_ms, updated_ms
		FROM organization
	UNION ALL SELECT 'WORKSPACE', id, organization_id, '', '', organization_id, name, 0,
		created_ms, updated_ms FROM workspace
	UNION ALL SELECT 'DEPLOYMENT', id, organization_id, workspace_id, '', workspace_id, name, 0,
		created_ms, updated_ms FROM deployment
	UNION ALL SELECT 'PROJECT', id, organization_id, workspace_id, coalesce(deployment_id, ''),
		workspace_id, name, 0, created_ms, updated_ms FROM project;
