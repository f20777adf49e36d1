-- Version 4: MACs of the rows that decide access (row_mac.h), families of tokens, random bits of
-- changes. migrate.c fills the MACs and the bits, and seals every value again, in this transaction.

ALTER TABLE organization ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE workspace ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE deployment ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE project ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE object ADD COLUMN draw INTEGER NOT NULL DEFAULT 0;
ALTER TABLE object ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
ALTER TABLE change ADD COLUMN draw INTEGER NOT NULL DEFAULT 0;
ALTER TABLE state DROP COLUMN epoch;

-- How many reads an audit row stands for.
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;

-- A family is a token and its renewals; the first one's id, creation and end name it.
ALTER TABLE token ADD COLUMN workspace_id TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN family TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN family_created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN family_expires_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token ADD COLUMN mac BLOB NOT NULL DEFAULT x'';
CREATE INDEX token_family ON token (family, created_ms);

UPDATE token SET workspace_id = CASE scope
	WHEN 'WORKSPACE' THEN scope_id
	WHEN 'DEPLOYMENT' THEN coalesce(
		(SELECT d.workspace_id FROM deployment d WHERE d.id = token.scope_id), '')
	ELSE '' END;

UPDATE token SET family = id, family_created_ms = created_ms, family_expires_ms = expires_ms;
-- A renewal was created by the token that it renews, and has its name, rights and length of life.
WITH RECURSIVE renewal (id, renewed) AS (
	SELECT t.id, p.id FROM token t JOIN token p ON p.id = t.created_by
		WHERE p.name = t.name AND p.scope_id = t.scope_id AND p.role = t.role
		AND (p.expires_ms = 0) = (t.expires_ms = 0) AND (t.expires_ms = 0
		OR p.expires_ms / 1000 - p.created_ms / 1000 = t.expires_ms / 1000 - t.created_ms / 1000)),
family (id, first) AS (
	SELECT id, id FROM token WHERE id NOT IN (SELECT id FROM renewal)
	UNION SELECT r.id, f.first FROM family f JOIN renewal r ON r.renewed = f.id)
UPDATE token SET (family, family_created_ms, family_expires_ms) =
	(SELECT p.id, p.created_ms, p.expires_ms FROM family f JOIN token p ON p.id = f.first
		WHERE f.id = token.id)
	WHERE id IN (SELECT id FROM family);

DROP VIEW entity;
CREATE VIEW entity AS
	SELECT 'ORGANIZATION' AS scope, id, id AS organization_id, '' AS workspace_id,
		'' AS deployment_id, '' AS parent_id, name, NULL AS description, secrets_fetching,
		0 AS cicd_enforced, created_ms, updated_ms, mac FROM organization
	UNION ALL SELECT 'WORKSPACE', id, organization_id, '', '', organization_id, name,
		description, 0, cicd_enforced, created_ms, updated_ms, mac FROM workspace
	UNION ALL SELECT 'DEPLOYMENT', id, organization_id, workspace_id, '', workspace_id, name,
		description, 0, cicd_enforced, created_ms, updated_ms, mac FROM deployment
	UNION ALL SELECT 'PROJECT', id, organization_id, workspace_id, coalesce(deployment_id, ''),
		workspace_id, name, description, 0, 0, created_ms, updated_ms, mac FROM project;
