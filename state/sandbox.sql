-- The sandbox's state: what its local ARM has stored. Keys are ids in lower case; times are UTC milliseconds; JSON is text.

-- name: schema
CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Resource groups are resources too. scope is the key of the group, subscription or management group that holds it.
CREATE TABLE resource (
  key TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  scope TEXT NOT NULL,
  body TEXT NOT NULL,
  api_version TEXT,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  deleting INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_by_scope ON resource (scope, type, key);
CREATE INDEX resource_lock ON resource (key) WHERE type = 'microsoft.authorization/locks';
CREATE TABLE template (
  digest TEXT PRIMARY KEY,
  text TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deployment (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL,
  status_id TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  correlation TEXT NOT NULL,
  location TEXT,
  tags TEXT,
  mode TEXT NOT NULL,
  template TEXT NOT NULL REFERENCES template (digest),
  hash TEXT NOT NULL,
  parameters TEXT NOT NULL,
  shown TEXT NOT NULL,
  extra TEXT NOT NULL,
  outputs TEXT,
  output_resources TEXT,
  error TEXT,
  failing INTEGER NOT NULL DEFAULT 0,
  parent INTEGER,
  parent_position INTEGER
) STRICT;
CREATE INDEX deployment_by_scope ON deployment (scope, changed_at);
CREATE TABLE operation (
  deployment INTEGER NOT NULL REFERENCES deployment (serial) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  id TEXT NOT NULL,
  target TEXT NOT NULL,
  type TEXT NOT NULL,
  state TEXT NOT NULL,
  start_at INTEGER NOT NULL,
  end_at INTEGER NOT NULL,
  nested INTEGER,
  created INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  PRIMARY KEY (deployment, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_due ON operation (end_at, deployment, position) WHERE state = 'Running' AND nested IS NULL;
-- Long-running requests other than deployments: what polling their Location answers once end_at has passed.
CREATE TABLE task (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  token TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  end_at INTEGER NOT NULL,
  done INTEGER NOT NULL DEFAULT 0,
  status INTEGER NOT NULL,
  body TEXT
) STRICT;
CREATE INDEX task_due ON task (end_at) WHERE done = 0;
CREATE TABLE action (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  target TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT,
  correlation TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- name: schema_2
-- Activity log: who asked for what, and how it ended. on_error: onErrorDeployment as JSON, what to do when it fails.
CREATE TABLE activity (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  subscription TEXT NOT NULL,
  scope TEXT NOT NULL,
  target TEXT NOT NULL,
  correlation TEXT NOT NULL,
  entry TEXT NOT NULL
) STRICT;
CREATE INDEX activity_by_time ON activity (subscription, at);
ALTER TABLE deployment ADD COLUMN on_error TEXT;
ALTER TABLE operation ADD COLUMN kind TEXT NOT NULL DEFAULT 'Create';

-- name: schema_3
-- body is what GET answers; pending what is still to be done with what has left the stack. operation is that of the last change.
CREATE TABLE stack (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL,
  operation TEXT NOT NULL,
  deployment INTEGER,
  started_at INTEGER NOT NULL,
  denies INTEGER NOT NULL,
  body TEXT NOT NULL,
  template TEXT NOT NULL,
  pending TEXT
) STRICT;
CREATE INDEX stack_by_scope ON stack (scope, serial);
CREATE INDEX stack_by_deployment ON stack (deployment);
CREATE INDEX stack_that_denies ON stack (serial) WHERE denies = 1;
CREATE TABLE stack_operation (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  error TEXT
) STRICT, WITHOUT ROWID;

-- name: schema_4
CREATE INDEX activity_by_correlation ON activity (correlation, serial);

-- name: setting_get
SELECT value FROM setting WHERE name = :name

-- name: setting_put
INSERT INTO setting (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: setting_list
SELECT name, value FROM setting WHERE name >= :prefix AND name < :prefix || char(1114111) ORDER BY name

-- name: resource_get
SELECT id, type, body, api_version, created_at, changed_at, deleting FROM resource WHERE key = :key

-- name: resource_put
INSERT INTO resource (key, id, type, scope, body, api_version, created_at, changed_at)
VALUES (:key, :id, :type, :scope, :body, :api_version, :at, :at)
ON CONFLICT (key) DO UPDATE SET id = excluded.id, body = excluded.body, api_version = excluded.api_version,
  changed_at = excluded.changed_at, deleting = 0

-- name: resource_mark_deleting
UPDATE resource SET deleting = 1, body = :body WHERE key = :key

-- name: resource_delete
DELETE FROM resource WHERE key = :key OR (key > :key || '/' AND key < :key || '0')

-- name: resource_list_scope
SELECT id, type, body, api_version, created_at, changed_at, deleting FROM resource
WHERE scope = :scope ORDER BY type, key

-- name: resource_list_type
SELECT id, type, body, api_version, created_at, changed_at, deleting FROM resource
WHERE scope = :scope AND type = :type ORDER BY key

-- name: resource_list_below
SELECT id, type, body, api_version, created_at, changed_at, deleting FROM resource
WHERE key > :key || '/' AND key < :key || '0' ORDER BY key

-- name: lock_any
SELECT 1 FROM resource WHERE type = 'microsoft.authorization/locks' LIMIT 1

-- name: subscription_list
SELECT DISTINCT scope FROM resource WHERE type = 'microsoft.resources/resourcegroups'
AND scope > '/subscriptions/' AND scope < '/subscriptions0' ORDER BY scope

-- name: template_put
INSERT INTO template (digest, text) VALUES (:digest, :text) ON CONFLICT (digest) DO NOTHING

-- name: template_get
SELECT text FROM template WHERE digest = :digest

-- name: template_prune
DELETE FROM template WHERE digest = :digest AND NOT EXISTS (SELECT 1 FROM deployment WHERE template = :digest)

-- name: deployment_by_key
SELECT serial, key, id, scope, state, status_id, started_at, changed_at, correlation, location, tags, mode, template, hash,
  parameters, shown, extra, outputs, output_resources, error, failing, parent, parent_position, on_error
FROM deployment WHERE key = :key

-- name: deployment_by_serial
SELECT serial, key, id, scope, state, status_id, started_at, changed_at, correlation, location, tags, mode, template, hash,
  parameters, shown, extra, outputs, output_resources, error, failing, parent, parent_position, on_error
FROM deployment WHERE serial = :serial

-- name: deployment_list
SELECT serial, key, id, scope, state, status_id, started_at, changed_at, correlation, location, tags, mode, template, hash,
  parameters, shown, extra, outputs, output_resources, error, failing, parent, parent_position, on_error
FROM deployment WHERE scope = :scope AND serial < :before AND (:state IS NULL OR state = :state COLLATE NOCASE)
ORDER BY serial DESC LIMIT :top

-- name: deployment_last_good
SELECT id FROM deployment WHERE scope = :scope AND state = 'Succeeded' AND parent IS NULL AND key <> :except
ORDER BY serial DESC LIMIT 1

-- name: deployment_insert
INSERT INTO deployment (key, id, scope, state, status_id, started_at, changed_at, correlation, location, tags, mode, template,
  hash, parameters, shown, extra, parent, parent_position, on_error)
VALUES (:key, :id, :scope, 'Accepted', :status_id, :at, :at, :correlation, :location, :tags, :mode, :template,
  :hash, :parameters, :shown, :extra, :parent, :parent_position, :on_error)
RETURNING serial

-- name: deployment_update
UPDATE deployment SET state = :state, changed_at = :at, outputs = :outputs, output_resources = :output_resources,
  error = :error, failing = :failing, parameters = :parameters, on_error = :on_error WHERE serial = :serial

-- name: deployment_delete
DELETE FROM deployment WHERE key = :key

-- name: deployment_delete_scope
DELETE FROM deployment WHERE scope = :scope

-- name: deployment_count
SELECT count(*) FROM deployment WHERE scope = :scope

-- name: deployment_oldest
SELECT key, template FROM deployment WHERE scope = :scope AND state NOT IN ('Accepted', 'Running') ORDER BY serial LIMIT :top

-- name: deployment_locations
SELECT DISTINCT lower(location) FROM deployment WHERE scope = :scope AND location IS NOT NULL

-- name: operation_insert
INSERT INTO operation (deployment, position, id, target, type, state, start_at, end_at, kind)
VALUES (:deployment, :position, :id, :target, :type, 'Waiting', 0, 0, :kind)

-- name: operation_start
UPDATE operation SET state = 'Running', start_at = :start_at, end_at = :end_at, nested = :nested
WHERE deployment = :deployment AND position = :position

-- name: operation_end
UPDATE operation SET state = :state, end_at = :end_at, created = :created, error = :error
WHERE deployment = :deployment AND position = :position

-- name: operation_list
SELECT position, id, target, type, state, start_at, end_at, nested, created, error, kind FROM operation
WHERE deployment = :deployment ORDER BY position

-- name: operation_due
SELECT deployment, position, end_at FROM operation
WHERE state = 'Running' AND nested IS NULL AND end_at <= :now ORDER BY end_at, deployment, position LIMIT 1

-- name: operation_last
SELECT max(end_at) FROM operation WHERE state = 'Running' AND nested IS NULL

-- name: operation_hurry
UPDATE operation SET end_at = :now WHERE state = 'Running' AND nested IS NULL AND end_at > :now

-- name: task_insert
INSERT INTO task (token, kind, target, end_at, done, status, body)
VALUES (:token, :kind, :target, :end_at, :done, :status, :body)

-- name: task_get
SELECT end_at, done, status, body, target FROM task WHERE token = :token

-- name: task_due
SELECT serial, kind, target, end_at FROM task WHERE done = 0 AND end_at <= :now ORDER BY end_at, serial LIMIT 1

-- name: task_done
UPDATE task SET done = 1 WHERE serial = :serial

-- name: task_hurry
UPDATE task SET end_at = :now WHERE end_at > :now

-- name: task_last
SELECT max(end_at) FROM task WHERE done = 0

-- name: action_insert
INSERT INTO action (target, name, body, correlation, at) VALUES (:target, :name, :body, :correlation, :at)

-- name: action_list
SELECT target, name, body, correlation, at FROM action WHERE serial > :after ORDER BY serial LIMIT 1000

-- name: stack_by_key
SELECT serial, key, id, scope, state, operation, deployment, started_at, body, template, pending FROM stack WHERE key = :key

-- name: stack_by_deployment
SELECT serial, key, id, scope, state, operation, deployment, started_at, body, template, pending FROM stack
WHERE deployment = :deployment

-- name: stack_list
SELECT serial, key, id, scope, state, operation, deployment, started_at, body, template, pending FROM stack
WHERE scope = :scope AND serial > :after ORDER BY serial LIMIT :top

-- name: stack_denying
SELECT serial, key, id, scope, state, operation, deployment, started_at, body, template, pending FROM stack
WHERE denies = 1 ORDER BY serial

-- name: stack_put
INSERT INTO stack (key, id, scope, state, operation, deployment, started_at, denies, body, template, pending)
VALUES (:key, :id, :scope, :state, :operation, :deployment, :at, :denies, :body, :template, :pending)
ON CONFLICT (key) DO UPDATE SET state = excluded.state, operation = excluded.operation, deployment = excluded.deployment,
  started_at = excluded.started_at, denies = excluded.denies, body = excluded.body, template = excluded.template,
  pending = excluded.pending

-- name: stack_delete
DELETE FROM stack WHERE key = :key

-- name: stack_delete_scope
DELETE FROM stack WHERE scope = :scope

-- name: stack_operation_put
INSERT INTO stack_operation (id, state, error) VALUES (:id, :state, :error)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, error = excluded.error

-- name: stack_operation_get
SELECT state, error FROM stack_operation WHERE id = :id

-- name: activity_insert
INSERT INTO activity (at, subscription, scope, target, correlation, entry)
VALUES (:at, :subscription, :scope, :target, :correlation, :entry)
RETURNING serial

-- name: activity_prune
DELETE FROM activity WHERE serial <= :serial

-- name: activity_of
SELECT entry FROM activity WHERE correlation = :correlation ORDER BY serial LIMIT 1

-- name: activity_list
SELECT entry FROM activity WHERE subscription = :subscription AND at >= :from AND at <= :to
AND (:scope IS NULL OR scope = :scope) AND (:target IS NULL OR target = :target)
AND (:correlation IS NULL OR correlation = :correlation COLLATE NOCASE)
AND (:provider IS NULL OR target LIKE '%/providers/' || :provider || '/%')
ORDER BY at DESC, serial DESC LIMIT :top OFFSET :skip
