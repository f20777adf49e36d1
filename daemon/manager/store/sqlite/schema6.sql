-- Version 6: which request an entry of the audit log is from; NULL: a subcommand, or an older entry.

ALTER TABLE audit ADD COLUMN request_id TEXT;
CREATE INDEX audit_request ON audit (request_id) WHERE request_id IS NOT NULL;
