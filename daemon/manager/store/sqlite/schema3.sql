-- Version 3: what is said of places besides their names, and plain as these; lists by time.

-- What went with its place: no line of the audit log would ever have ended it.
DELETE FROM version WHERE object_id NOT IN (SELECT id FROM object)
	AND object_id NOT IN (SELECT subject_id FROM audit WHERE action = 'DELETE');

-- NULL: nobody has said anything. cicd_enforced of a Workspace is what its new Deployments begin with.
ALTER TABLE workspace ADD COLUMN description TEXT;
ALTER TABLE workspace ADD COLUMN cicd_enforced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployment ADD COLUMN description TEXT;
ALTER TABLE deployment ADD COLUMN cicd_enforced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN description TEXT;

-- The rest of such an order is sorted among rows of one time.
CREATE INDEX object_created ON object (scope_id, created_ms);
CREATE INDEX object_updated ON object (scope_id, updated_ms);

DROP VIEW entity;
CREATE VIEW entity AS
	SELECT 'ORGANIZATION' AS scope, id, id AS organization_id, '' AS workspace_id,
		'' AS deployment_id, '' AS parent_id, name, NULL AS description, secrets_fetching,
		0 AS cicd_enforced, created_ms, updated_ms FROM organization
	UNION ALL SELECT 'WORKSPACE', id, organization_id, '', '', organization_id, name,
		description, 0, cicd_enforced, created_ms, updated_ms FROM workspace
	UNION ALL SELECT 'DEPLOYMENT', id, organization_id, workspace_id, '', workspace_id, name,
		description, 0, cicd_enforced, created_ms, updated_ms FROM deployment
	UNION ALL SELECT 'PROJECT', id, organization_id, workspace_id, coalesce(deployment_id, ''),
		workspace_id, name, description, 0, 0, created_ms, updated_ms FROM project;
