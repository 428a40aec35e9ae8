-- The ledger's schema, migrations and queries. The text of a schema_N stays as it is for good: verify compares it. A statement begins with its name and ends before the next one.
--
-- The immutable half: streams, events, objects (and meta, written once). The derived half: every table below "projections";
-- it can be dropped and folded again from the events.

-- name: schema_1
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  projection INTEGER NOT NULL            -- version of the rules by which its projections were folded
) STRICT;

CREATE TABLE events (
  id INTEGER PRIMARY KEY,                -- order of arrival in this file
  stream INTEGER NOT NULL REFERENCES streams (id) DEFERRABLE INITIALLY DEFERRED,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,                   -- UTC ms
  hash TEXT NOT NULL,                    -- SHA-256 of line
  line TEXT NOT NULL                     -- the exact bytes that are hashed
) STRICT;
CREATE UNIQUE INDEX events_place ON events (stream, seq);

CREATE TABLE objects (
  id INTEGER PRIMARY KEY,
  digest TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  data BLOB                              -- NULL: a tombstone, an event object.redacted tells why
) STRICT;

-- INSERT OR REPLACE passes a DELETE trigger by, so that an existing key is refused before the insert. FAIL instead of ABORT
-- (also in event_add, and a deferred reference above) spares SQLite a journal for each statement; the transaction is rolled
-- back on any error as a whole.
CREATE TRIGGER events_insert BEFORE INSERT ON events
WHEN (NEW.id > 0 AND EXISTS (SELECT 1 FROM events WHERE id = NEW.id))
  OR NEW.seq IS NOT 1 + (SELECT coalesce(max(seq), 0) FROM events WHERE stream = NEW.stream)
BEGIN SELECT RAISE(FAIL, 'events are only appended'); END;
CREATE TRIGGER events_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;
CREATE TRIGGER objects_insert BEFORE INSERT ON objects
WHEN EXISTS (SELECT 1 FROM objects WHERE id = NEW.id)
  OR EXISTS (SELECT 1 FROM objects WHERE digest = NEW.digest)
BEGIN SELECT RAISE(ABORT, 'objects are never replaced'); END;
CREATE TRIGGER objects_update BEFORE UPDATE ON objects
WHEN NEW.data IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.digest IS NOT OLD.digest OR NEW.size IS NOT OLD.size
BEGIN SELECT RAISE(ABORT, 'objects are never changed'); END;
CREATE TRIGGER objects_delete BEFORE DELETE ON objects
BEGIN SELECT RAISE(ABORT, 'objects are never deleted'); END;
CREATE TRIGGER streams_update BEFORE UPDATE OF id, name ON streams
BEGIN SELECT RAISE(ABORT, 'streams are never changed'); END;
CREATE TRIGGER streams_delete BEFORE DELETE ON streams
BEGIN SELECT RAISE(ABORT, 'streams are never deleted'); END;

-- projections

CREATE TABLE releases (
  stream INTEGER NOT NULL,               -- the service's
  version TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  manifest TEXT NOT NULL,
  source_commit TEXT,
  base TEXT,
  data_version INTEGER NOT NULL,         -- its own or the previous release's
  data_floor INTEGER NOT NULL,
  verdict TEXT,
  fixed_by TEXT,
  reason TEXT,
  PRIMARY KEY (stream, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX releases_seq ON releases (stream, seq);

CREATE TABLE environments (
  stream INTEGER PRIMARY KEY,
  live TEXT,                             -- the version when it was last whole
  live_rollout INTEGER NOT NULL,
  since INTEGER NOT NULL,
  previous TEXT,                         -- the other version that was live before it
  held TEXT NOT NULL,                    -- {RELEASE: number of clean targets that hold it}: mixed is more than one
  clean INTEGER NOT NULL,
  dirty INTEGER NOT NULL,
  last_good TEXT,
  back_hold INTEGER NOT NULL,
  back_reason TEXT,
  hold_rollout INTEGER NOT NULL,
  person_hold INTEGER NOT NULL,
  person_reason TEXT,
  open_rollout INTEGER NOT NULL,
  last_rollout INTEGER NOT NULL,
  debts INTEGER NOT NULL,
  unknown INTEGER NOT NULL
) STRICT;

CREATE TABLE targets (
  stream INTEGER NOT NULL,
  target TEXT NOT NULL,
  release TEXT,
  rollout INTEGER NOT NULL,
  since INTEGER NOT NULL,
  dirty INTEGER NOT NULL,
  dirty_rollout INTEGER NOT NULL,
  floor INTEGER NOT NULL,
  accepted_release TEXT,
  accepted_rollout INTEGER NOT NULL,
  going TEXT,                            -- release of the last intent
  restorable INTEGER NOT NULL,           -- dirty, but nothing of this rollout has reached ARM
  held_release TEXT,                     -- what it returns to then
  held_rollout INTEGER NOT NULL,
  held_since INTEGER NOT NULL,
  counted_rollout INTEGER NOT NULL,      -- the rollout that counts it as succeeded or failed
  counted_good INTEGER NOT NULL,
  PRIMARY KEY (stream, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollouts (
  stream INTEGER NOT NULL,
  number INTEGER NOT NULL,
  service TEXT NOT NULL,
  hash TEXT NOT NULL,
  lane TEXT NOT NULL,
  kind TEXT NOT NULL,
  release TEXT,
  from_release TEXT,
  reason TEXT,
  order_digest TEXT NOT NULL,
  proved TEXT,
  claimed TEXT,
  requested_at INTEGER NOT NULL,
  targets INTEGER NOT NULL,
  cause INTEGER NOT NULL,
  supersedes INTEGER NOT NULL,
  partial INTEGER NOT NULL,
  state TEXT NOT NULL,
  end_reason TEXT,
  ended_at INTEGER NOT NULL,
  superseded_by INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  driver TEXT,
  host TEXT,
  claim_until INTEGER NOT NULL,
  detached INTEGER NOT NULL,
  PRIMARY KEY (stream, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX rollouts_time ON rollouts (requested_at);
CREATE INDEX rollouts_service ON rollouts (service, requested_at);

CREATE TABLE steps (
  stream INTEGER NOT NULL,
  rollout INTEGER NOT NULL,
  target TEXT NOT NULL,
  step INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  release TEXT,
  outcome TEXT,
  accepted INTEGER NOT NULL,
  intended_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  arm_at INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  resources INTEGER NOT NULL,
  code TEXT,
  message TEXT,
  result TEXT,
  clean_at INTEGER NOT NULL,             -- when this step's end made the target clean, 0 else
  PRIMARY KEY (stream, rollout, target, step)
) STRICT, WITHOUT ROWID;

-- What succeeded in the environment as a whole. What succeeded on a target stands in its steps: an index of its own by target
-- would cost a page for each success.
CREATE TABLE successes (
  stream INTEGER NOT NULL,
  seq INTEGER NOT NULL,                  -- of the event that made it a success
  release TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  at INTEGER NOT NULL,
  adopted INTEGER NOT NULL,
  PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Versions that a back left behind: bad in this environment.
CREATE TABLE bad (
  stream INTEGER NOT NULL,
  version TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  PRIMARY KEY (stream, version)
) STRICT, WITHOUT ROWID;

-- What became of a schedule's times: each runs once.
-- name: schema_2
CREATE TABLE slots (
  stream INTEGER NOT NULL,
  schedule TEXT NOT NULL,
  at INTEGER NOT NULL,                   -- UTC ms: when it was to run
  rollout INTEGER NOT NULL,              -- that took it, 0: none
  fate TEXT,                             -- or why none did
  PRIMARY KEY (stream, schedule, at)
) STRICT, WITHOUT ROWID;

-- name: schema_3
-- What rollouts passed by or put off. closing: the rollout whose success closes it.
CREATE TABLE debts (
  stream INTEGER NOT NULL,
  rollout INTEGER NOT NULL,
  debt TEXT NOT NULL,                    -- gate:NAME, approval, hotfix, override:KIND[:NAME], membership-unknown
  owner TEXT,
  reason TEXT,
  release TEXT,
  opened_at INTEGER NOT NULL,
  due INTEGER NOT NULL,
  closing INTEGER NOT NULL,
  closed_at INTEGER NOT NULL,
  closed_by TEXT,
  PRIMARY KEY (stream, rollout, debt)
) STRICT, WITHOUT ROWID;

-- The shared ledger (module sync). A side stream is spliced into its main one where that says so; what was folded is folded
-- again, since the order of rollouts is no longer that of their numbers.
-- name: schema_4
CREATE INDEX events_joins ON events (stream, seq) WHERE kind IN ('ledger.joined', 'ledger.reconciled');
CREATE INDEX rollouts_stream ON rollouts (stream, requested_at, number);
DROP TABLE successes;
CREATE TABLE successes (
  stream INTEGER NOT NULL,
  at INTEGER NOT NULL,
  seq INTEGER NOT NULL,                  -- of the event that made it a success
  release TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  adopted INTEGER NOT NULL,
  PRIMARY KEY (stream, at, seq)
) STRICT, WITHOUT ROWID;

-- How far this replica knows the store: what it has verified there. Forgotten and learnt again at will.
CREATE TABLE remote (
  stream TEXT PRIMARY KEY,
  seq INTEGER NOT NULL,                  -- of the last event that the store is known to hold
  size INTEGER NOT NULL,                 -- bytes of that event's segment up to its end
  etag TEXT                              -- of that segment, or NULL
) STRICT, WITHOUT ROWID;

-- Events that count because they are durable here, and that have no place in their stream yet: they get it from the store.
CREATE TABLE pending (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream TEXT NOT NULL,
  line TEXT NOT NULL                     -- as if it followed the head that was known then
) STRICT;

-- What webhooks were told (module notify): a notice is delivered to each once.
-- name: schema_5
CREATE TABLE notices (
  stream INTEGER NOT NULL,
  notice TEXT NOT NULL,
  webhook TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (stream, notice, webhook)
) STRICT, WITHOUT ROWID;

-- What looks found: since when it is as it is. A look that finds the same again changes nothing.
CREATE TABLE looks (
  stream INTEGER NOT NULL,
  word TEXT NOT NULL,                    -- drift, not-ready
  subject TEXT NOT NULL,                 -- the target, the release
  seq INTEGER NOT NULL,                  -- of the event that found it first
  at INTEGER NOT NULL,
  finding TEXT NOT NULL,                 -- tells one from the next; empty: all is well
  summary TEXT NOT NULL,
  PRIMARY KEY (stream, word, subject)
) STRICT, WITHOUT ROWID;

-- Events that count because they are durable here, and that follow into the store (roll_ledger_append_behind): the end of their
-- stream. Until the store has them their place may be taken by somebody else's, so that these alone may be taken out, to be put
-- behind that.
-- name: schema_6
DROP TABLE pending;
CREATE TABLE pending (
  stream INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
DROP TRIGGER events_delete;
CREATE TRIGGER events_delete BEFORE DELETE ON events
WHEN NOT EXISTS (SELECT 1 FROM pending WHERE stream = OLD.stream AND seq = OLD.seq)
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

-- When a look was last taken, also when it found the same again; and what was found in ARM's history (roll adopt).
-- name: schema_7
DROP TABLE looks;
CREATE TABLE looks (
  stream INTEGER NOT NULL,
  word TEXT NOT NULL,                    -- drift, not-ready, baseline
  subject TEXT NOT NULL,                 -- the target, the release
  seq INTEGER NOT NULL,                  -- of the event that found it first
  at INTEGER NOT NULL,
  finding TEXT NOT NULL,                 -- tells one from the next; empty: all is well
  summary TEXT NOT NULL,
  checked_seq INTEGER NOT NULL,          -- of the newest look
  checked_at INTEGER NOT NULL,
  PRIMARY KEY (stream, word, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE adopted (
  stream INTEGER NOT NULL,
  target TEXT NOT NULL,
  name TEXT NOT NULL,                    -- of the deployment
  at INTEGER NOT NULL,                   -- ARM's time of its end: a name may be used again
  seq INTEGER NOT NULL,                  -- of deployment.adopted
  release TEXT,                          -- that it counts as, once it was accepted
  accepted INTEGER NOT NULL,             -- number of that rollout, 0
  PRIMARY KEY (stream, target, name, at)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX adopted_seq ON adopted (stream, seq);

-- Leftovers: what became of each in a rollout that deletes them.
-- name: schema_8
CREATE TABLE prunes (
  stream INTEGER NOT NULL,
  rollout INTEGER NOT NULL,
  target TEXT NOT NULL,
  resource TEXT NOT NULL,
  outcome TEXT,                          -- deleted, failed, kept, absent; or intended
  message TEXT,
  at INTEGER NOT NULL,                   -- of the last word about it
  PRIMARY KEY (stream, rollout, target, resource)
) STRICT, WITHOUT ROWID;

-- What this replica knows of the shared store as a whole (module sync): at most one row. A replica of before knew what it had.
-- name: schema_9
CREATE TABLE store (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  name TEXT NOT NULL,                    -- ACCOUNT/CONTAINER/KEY of what was pulled
  pulled_at INTEGER NOT NULL,            -- UTC ms: when all that it had was here; 0: never yet
  tried_at INTEGER NOT NULL,             -- when it was last asked
  trouble TEXT                           -- why that failed; NULL: it did not
) STRICT;
INSERT INTO store SELECT 1, '', at, at, NULL FROM events
WHERE EXISTS (SELECT 1 FROM remote) ORDER BY id DESC LIMIT 1;

-- Intents without outcome are few: found without a look at what has one.
-- name: schema_10
CREATE INDEX steps_open ON steps (stream, rollout) WHERE outcome IS NULL;

-- name: schema_11
-- Few have a floor: status does not look through ten thousand targets for one.
CREATE INDEX targets_floor ON targets (stream, floor) WHERE floor > 0;

-- name: meta_get
SELECT value FROM meta WHERE key = :key

-- name: meta_add
INSERT INTO meta (key, value) VALUES (:key, :value)

-- name: stream_find
SELECT id, projection FROM streams WHERE name = :name

-- name: stream_add
INSERT INTO streams (name, projection) VALUES (:name, :projection) RETURNING id

-- name: stream_set_projection
UPDATE streams SET projection = :projection WHERE id = :id

-- name: stream_list
SELECT id, name, projection FROM streams ORDER BY name

-- name: event_head
SELECT seq, hash, at FROM events WHERE stream = :stream ORDER BY seq DESC LIMIT 1

-- name: event_hash
SELECT hash FROM events WHERE stream = :stream AND seq = :seq

-- name: event_add
INSERT OR FAIL INTO events (stream, seq, kind, at, hash, line) VALUES (:stream, :seq, :kind, :at, :hash, :line)

-- name: event_page
SELECT seq, hash, line FROM events WHERE stream = :stream AND seq >= :seq ORDER BY seq LIMIT :limit

-- name: event_all
SELECT stream, seq, kind, at, hash, line FROM events ORDER BY id

-- name: event_find
SELECT s.name, e.seq FROM events e JOIN streams s ON s.id = e.stream
WHERE e.kind = :kind AND (:part IS NULL OR instr(e.line, :part) > 0) ORDER BY e.id

-- name: event_indexed
SELECT count(*) FROM events INDEXED BY events_place WHERE stream = :stream AND seq > 0

-- name: event_naming
SELECT DISTINCT stream FROM events WHERE instr(line, :quoted) > 0

-- name: event_joins
SELECT seq, line FROM events
WHERE stream = :stream AND kind IN ('ledger.joined', 'ledger.reconciled') ORDER BY seq

-- name: event_row
SELECT id FROM events WHERE stream = :stream AND seq = :seq

-- name: event_last_row
SELECT id FROM events WHERE stream = :stream ORDER BY seq DESC LIMIT 1

-- name: event_first
SELECT s.name FROM events e JOIN streams s ON s.id = e.stream WHERE e.id = (SELECT min(id) FROM events)

-- name: remote_get
SELECT seq, size, etag FROM remote WHERE stream = :stream

-- name: remote_set
INSERT OR REPLACE INTO remote (stream, seq, size, etag) VALUES (:stream, :seq, :size, :etag)

-- name: remote_list
SELECT stream, seq, size, etag FROM remote ORDER BY stream

-- name: remote_forget
DELETE FROM remote

-- name: store_get
SELECT name, pulled_at, tried_at, trouble FROM store WHERE one = 1

-- name: store_set
INSERT OR REPLACE INTO store (one, name, pulled_at, tried_at, trouble) VALUES (1, :name, :pulled_at, :tried_at, :trouble)

-- name: pending_add
INSERT INTO pending (stream, seq) VALUES (:stream, :seq)

-- name: pending_has
SELECT 1 FROM pending WHERE stream = :stream AND seq = :seq

-- name: pending_tail
SELECT e.line FROM pending p JOIN events e ON e.stream = p.stream AND e.seq = p.seq
WHERE p.stream = :stream AND p.seq >= :seq ORDER BY p.seq

-- name: pending_take_out
DELETE FROM events WHERE stream = :stream AND seq >= :seq

-- name: pending_forget
DELETE FROM pending WHERE stream = :stream AND seq >= :seq

-- name: pending_arrived
DELETE FROM pending WHERE stream = (SELECT id FROM streams WHERE name = :name) AND seq <= :seq

-- name: pending_list
SELECT s.name, min(p.seq), count(*) FROM pending p JOIN streams s ON s.id = p.stream GROUP BY p.stream

-- name: object_has
SELECT data IS NOT NULL FROM objects WHERE digest = :digest

-- name: object_get
SELECT data FROM objects WHERE digest = :digest

-- name: object_add
INSERT INTO objects (digest, size, data) VALUES (:digest, :size, :data)

-- name: object_add_tombstone
INSERT INTO objects (digest, size, data) VALUES (:digest, 0, NULL)

-- name: object_tombstone
UPDATE objects SET data = NULL WHERE digest = :digest AND data IS NOT NULL

-- name: object_all
SELECT digest, data, id FROM objects ORDER BY id

-- What guards the rows: verify compares it with what this program makes, byte for byte (so no schema_N is ever edited, not even
-- its comments).
-- name: layout
SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY name

-- name: object_indexed
SELECT digest, id FROM objects ORDER BY digest

-- name: release_add
INSERT INTO releases (stream, version, seq, at, manifest, source_commit, base, data_version, data_floor)
VALUES (:stream, :version, :seq, :at, :manifest, :commit, :base, :data_version, :data_floor)
ON CONFLICT DO NOTHING

-- name: release_last
SELECT coalesce(max(seq), 0) FROM releases WHERE stream = :stream

-- name: release_data
SELECT data_version, data_floor FROM releases WHERE stream = :stream ORDER BY seq DESC LIMIT 1

-- name: release_mark
UPDATE releases SET verdict = :verdict, fixed_by = :fixed_by, reason = :reason WHERE stream = :stream AND version = :version

-- name: release_list
SELECT s.name, r.version, r.manifest, r.source_commit, r.base, r.seq, r.at, r.data_version, r.data_floor, r.verdict, r.fixed_by, r.reason
FROM streams s JOIN releases r ON r.stream = s.id
WHERE s.name = :service ORDER BY r.seq DESC

-- name: release_get
SELECT s.name, r.version, r.manifest, r.source_commit, r.base, r.seq, r.at, r.data_version, r.data_floor, r.verdict, r.fixed_by, r.reason
FROM streams s JOIN releases r ON r.stream = s.id
WHERE s.name = :service AND r.version = :version

-- name: release_verdict
SELECT r.verdict FROM streams s JOIN releases r ON r.stream = s.id WHERE s.name = :service AND r.version = :version

-- name: environment_load
SELECT live, live_rollout, since, previous, clean, dirty, last_good, back_hold, back_reason, hold_rollout, person_hold,
  person_reason, open_rollout, last_rollout, debts, unknown, held
FROM environments WHERE stream = :stream

-- name: environment_save
INSERT OR REPLACE INTO environments (stream, held, live, live_rollout, since, previous, clean, dirty, last_good, back_hold, back_reason,
  hold_rollout, person_hold, person_reason, open_rollout, last_rollout, debts, unknown)
VALUES (:stream, :held, :live, :live_rollout, :since, :previous, :clean, :dirty, :last_good, :back_hold, :back_reason,
  :hold_rollout, :person_hold, :person_reason, :open_rollout, :last_rollout, :debts, :unknown)

-- name: environment_list
SELECT s.name,
  e.held, e.live, e.live_rollout, e.since, e.previous, e.clean, e.dirty, e.last_good, e.back_hold, e.back_reason, e.hold_rollout,
  e.person_hold, e.person_reason, e.open_rollout, e.last_rollout, r.state, e.debts, e.unknown
FROM streams s JOIN environments e ON e.stream = s.id LEFT JOIN rollouts r ON r.stream = e.stream AND r.number = e.last_rollout
ORDER BY s.name

-- name: environment_get
SELECT s.name,
  e.held, e.live, e.live_rollout, e.since, e.previous, e.clean, e.dirty, e.last_good, e.back_hold, e.back_reason, e.hold_rollout,
  e.person_hold, e.person_reason, e.open_rollout, e.last_rollout, r.state, e.debts, e.unknown
FROM streams s JOIN environments e ON e.stream = s.id LEFT JOIN rollouts r ON r.stream = e.stream AND r.number = e.last_rollout
WHERE s.name = :stream

-- name: target_load
SELECT release, rollout, since, dirty, dirty_rollout, floor, accepted_release, accepted_rollout, going, restorable,
  held_release, held_rollout, held_since, counted_rollout, counted_good
FROM targets WHERE stream = :stream AND target = :target

-- name: target_save
INSERT OR REPLACE INTO targets (stream, target, release, rollout, since, dirty, dirty_rollout, floor, accepted_release, accepted_rollout,
  going, restorable, held_release, held_rollout, held_since, counted_rollout, counted_good)
VALUES (:stream, :target, :release, :rollout, :since, :dirty, :dirty_rollout, :floor, :accepted_release, :accepted_rollout,
  :going, :restorable, :held_release, :held_rollout, :held_since, :counted_rollout, :counted_good)

-- name: target_floor_all
UPDATE targets SET floor = :floor WHERE stream = :stream

-- name: target_floor_raise
UPDATE targets SET floor = max(floor, :floor) WHERE stream = :stream

-- name: target_list
SELECT t.target, t.release, t.rollout, t.since, t.dirty, t.dirty_rollout, t.floor, t.accepted_release, t.accepted_rollout
FROM streams s JOIN targets t ON t.stream = s.id WHERE s.name = :stream ORDER BY t.target

-- name: target_get
SELECT t.target, t.release, t.rollout, t.since, t.dirty, t.dirty_rollout, t.floor, t.accepted_release, t.accepted_rollout
FROM streams s JOIN targets t ON t.stream = s.id WHERE s.name = :stream AND t.target = :target

-- name: target_floor
SELECT max(t.floor) FROM streams s JOIN targets t ON t.stream = s.id WHERE s.name = :stream AND t.floor > 0

-- name: rollout_add
INSERT INTO rollouts (stream, number, service, hash, lane, kind, release, from_release, reason, order_digest, proved, claimed,
  requested_at, targets, cause, supersedes, partial, state, ended_at, superseded_by, succeeded, failed, claim_until, detached)
VALUES (:stream, :number, :service, :hash, :lane, :kind, :release, :from, :reason, :order, :proved, :claimed,
  :requested_at, :targets, :cause, :supersedes, :partial, :state, 0, 0, 0, 0, 0, 0)
ON CONFLICT DO NOTHING

-- name: rollout_time
SELECT requested_at FROM rollouts WHERE stream = :stream AND number = :number

-- name: rollout_open
-- Of side streams.
SELECT number, ended_at FROM rollouts WHERE stream = :stream AND number >= 1000000000 AND ended_at = 0
ORDER BY number DESC

-- name: rollout_unsettled
-- Ended, but what became of a step is not known. In the order of the index.
SELECT DISTINCT s.rollout FROM steps s INDEXED BY steps_open JOIN rollouts r ON r.stream = s.stream AND r.number = s.rollout
WHERE s.stream = :stream AND s.outcome IS NULL AND r.ended_at > 0

-- name: rollout_recent
SELECT number, ended_at FROM rollouts WHERE stream = :stream ORDER BY requested_at DESC, number DESC LIMIT 100

-- name: rollout_open_any
-- Mostly there is none, which is known without a look-up for each: rollouts lie by their numbers.
SELECT 1 FROM (SELECT ended_at FROM rollouts WHERE stream = :stream AND number < 1000000000 ORDER BY number DESC LIMIT 100)
WHERE ended_at = 0
UNION ALL SELECT 1 FROM rollouts WHERE stream = :stream AND number >= 1000000000 AND ended_at = 0
LIMIT 1

-- name: rollout_load
SELECT release, partial, state, end_reason, ended_at, superseded_by, succeeded, failed, driver, host, claim_until, detached
FROM rollouts WHERE stream = :stream AND number = :number

-- name: rollout_save
UPDATE rollouts SET state = :state, end_reason = :end_reason, ended_at = :ended_at, superseded_by = :superseded_by,
  succeeded = :succeeded, failed = :failed, driver = :driver, host = :host, claim_until = :claim_until, detached = :detached
WHERE stream = :stream AND number = :number

-- name: rollout_get
SELECT s.name, r.number, r.hash, r.lane, r.kind, r.release, r.from_release, r.reason, r.order_digest, r.state, r.end_reason, r.proved,
  r.claimed, r.requested_at, r.ended_at, r.targets, r.succeeded, r.failed, r.cause, r.supersedes, r.superseded_by, r.partial,
  r.driver, r.host, r.claim_until, r.detached
FROM streams s JOIN rollouts r ON r.stream = s.id WHERE s.name = :stream AND r.number = :number

-- name: rollout_of_stream
SELECT s.name, r.number, r.hash, r.lane, r.kind, r.release, r.from_release, r.reason, r.order_digest, r.state, r.end_reason, r.proved,
  r.claimed, r.requested_at, r.ended_at, r.targets, r.succeeded, r.failed, r.cause, r.supersedes, r.superseded_by, r.partial,
  r.driver, r.host, r.claim_until, r.detached
FROM streams s JOIN rollouts r ON r.stream = s.id WHERE s.name = :stream ORDER BY r.requested_at DESC, r.number DESC LIMIT :limit

-- name: rollout_of_service
SELECT s.name, r.number, r.hash, r.lane, r.kind, r.release, r.from_release, r.reason, r.order_digest, r.state, r.end_reason, r.proved,
  r.claimed, r.requested_at, r.ended_at, r.targets, r.succeeded, r.failed, r.cause, r.supersedes, r.superseded_by, r.partial,
  r.driver, r.host, r.claim_until, r.detached
FROM rollouts r INDEXED BY rollouts_service CROSS JOIN streams s ON s.id = r.stream
WHERE r.service = :service ORDER BY r.requested_at DESC, r.stream DESC, r.number DESC LIMIT :limit

-- name: rollout_all
SELECT s.name, r.number, r.hash, r.lane, r.kind, r.release, r.from_release, r.reason, r.order_digest, r.state, r.end_reason, r.proved,
  r.claimed, r.requested_at, r.ended_at, r.targets, r.succeeded, r.failed, r.cause, r.supersedes, r.superseded_by, r.partial,
  r.driver, r.host, r.claim_until, r.detached
FROM rollouts r INDEXED BY rollouts_time CROSS JOIN streams s ON s.id = r.stream
ORDER BY r.requested_at DESC, r.stream DESC, r.number DESC LIMIT :limit

-- name: step_save
INSERT OR REPLACE INTO steps (stream, rollout, target, step, attempt, release, outcome, accepted, intended_at, ended_at, arm_at,
  duration_ms, resources, code, message, result, clean_at)
VALUES (:stream, :rollout, :target, :step, :attempt, :release, :outcome, :accepted, :intended_at, :ended_at, :arm_at,
  :duration_ms, :resources, :code, :message, :result, :clean_at)

-- name: step_load
SELECT attempt, release, outcome, accepted, intended_at, ended_at, arm_at, duration_ms, resources, code, message, result, clean_at
FROM steps WHERE stream = :stream AND rollout = :rollout AND target = :target AND step = :step

-- name: step_not_good
SELECT 1 FROM steps WHERE stream = :stream AND rollout = :rollout AND target = :target
  AND (outcome IS NULL OR outcome NOT IN ('succeeded', 'skipped')) LIMIT 1

-- name: step_arm_time
SELECT max(CASE WHEN arm_at > 0 THEN arm_at ELSE ended_at END), max(arm_at) FROM steps
WHERE stream = :stream AND rollout = :rollout AND target = :target AND accepted

-- name: step_list
SELECT p.target, p.step, p.attempt, p.release, p.outcome, p.accepted, p.intended_at, p.ended_at, p.arm_at, p.duration_ms,
  p.resources, p.code, p.message, p.result
FROM streams s JOIN steps p ON p.stream = s.id WHERE s.name = :stream AND p.rollout = :rollout ORDER BY p.target, p.step

-- name: step_of_target
SELECT p.target, p.step, p.attempt, p.release, p.outcome, p.accepted, p.intended_at, p.ended_at, p.arm_at, p.duration_ms,
  p.resources, p.code, p.message, p.result
FROM streams s CROSS JOIN steps p ON p.stream = s.id
WHERE s.name = :stream AND p.rollout = :rollout AND p.target = :target ORDER BY p.step

-- name: success_add
INSERT INTO successes (stream, seq, release, rollout, at, adopted) VALUES (:stream, :seq, :release, :rollout, :at, 0)

-- name: success_list
SELECT '', x.release, x.rollout, x.at, x.adopted, 'succeeded'
FROM streams s JOIN successes x ON x.stream = s.id WHERE s.name = :stream ORDER BY x.at DESC, x.seq DESC

-- name: success_of_target
SELECT p.target, p.release, p.rollout, p.clean_at, 0, r.state
FROM streams s CROSS JOIN rollouts r ON r.stream = s.id
  CROSS JOIN steps p ON p.stream = r.stream AND p.rollout = r.number AND p.target = :target
WHERE s.name = :stream AND p.clean_at > 0 ORDER BY r.requested_at DESC, r.number DESC, p.step DESC

-- name: bad_add
INSERT OR REPLACE INTO bad (stream, version, rollout) VALUES (:stream, :version, :rollout)

-- name: bad_lift
DELETE FROM bad WHERE stream = :stream AND version = :version

-- name: bad_get
SELECT b.rollout FROM streams s JOIN bad b ON b.stream = s.id WHERE s.name = :stream AND b.version = :version

-- name: slot_add
INSERT OR IGNORE INTO slots (stream, schedule, at, rollout, fate) VALUES (:stream, :schedule, :at, :rollout, :fate)

-- name: slot_get
SELECT l.at, l.rollout, l.fate FROM streams s JOIN slots l ON l.stream = s.id
WHERE s.name = :stream AND l.schedule = :schedule AND l.at = :at

-- name: slot_last
SELECT l.at, l.rollout, l.fate FROM streams s JOIN slots l ON l.stream = s.id
WHERE s.name = :stream AND l.schedule = :schedule ORDER BY l.at DESC LIMIT 1

-- name: notice_add
INSERT OR IGNORE INTO notices (stream, notice, webhook, at) VALUES (:stream, :notice, :webhook, :at)

-- name: notice_get
SELECT n.at FROM streams s JOIN notices n ON n.stream = s.id
WHERE s.name = :stream AND n.notice = :notice AND n.webhook = :webhook

-- name: look_set
INSERT INTO looks (stream, word, subject, seq, at, finding, summary, checked_seq, checked_at)
VALUES (:stream, :word, :subject, :seq, :at, :finding, :summary, :seq, :at)
ON CONFLICT (stream, word, subject) DO UPDATE
SET seq = CASE finding WHEN excluded.finding THEN seq ELSE excluded.seq END,
  at = CASE finding WHEN excluded.finding THEN at ELSE excluded.at END,
  finding = excluded.finding, summary = excluded.summary, checked_seq = excluded.checked_seq, checked_at = excluded.checked_at

-- name: look_list
SELECT l.word, l.subject, l.summary, l.seq, l.at, l.finding, l.checked_seq, l.checked_at FROM streams s JOIN looks l ON l.stream = s.id
WHERE s.name = :stream AND l.finding <> '' ORDER BY l.word, l.subject

-- name: look_get
SELECT l.word, l.subject, l.summary, l.seq, l.at, l.finding, l.checked_seq, l.checked_at FROM streams s JOIN looks l ON l.stream = s.id
WHERE s.name = :stream AND l.word = :word AND l.subject = :subject

-- name: adopted_add
INSERT INTO adopted (stream, target, name, at, seq, release, accepted) VALUES (:stream, :target, :name, :at, :seq, NULL, 0)
ON CONFLICT DO NOTHING

-- name: adopted_accept
UPDATE adopted SET release = :release, accepted = :accepted WHERE stream = :stream AND seq = :seq

-- name: adopted_accepted
SELECT accepted FROM adopted WHERE stream = :stream AND seq = :seq

-- name: adopted_find
SELECT a.seq, a.accepted FROM streams s JOIN adopted a ON a.stream = s.id
WHERE s.name = :stream AND a.target = :target AND a.name = :name AND a.at = :at

-- name: adopted_list
SELECT a.target, a.name, a.at, a.seq, a.release, a.accepted FROM streams s JOIN adopted a ON a.stream = s.id
WHERE s.name = :stream ORDER BY a.target, a.name, a.at

-- name: prune_intended
INSERT INTO prunes (stream, rollout, target, resource, at) VALUES (:stream, :rollout, :target, :resource, :at)
ON CONFLICT DO UPDATE SET outcome = NULL, message = NULL, at = excluded.at

-- name: prune_ended
INSERT INTO prunes (stream, rollout, target, resource, outcome, message, at)
VALUES (:stream, :rollout, :target, :resource, :outcome, :message, :at)
ON CONFLICT DO UPDATE SET outcome = excluded.outcome, message = excluded.message, at = excluded.at

-- name: prune_list
SELECT p.target, p.resource, p.outcome, p.message, p.at FROM streams s JOIN prunes p ON p.stream = s.id
WHERE s.name = :stream AND p.rollout = :rollout ORDER BY p.target, p.resource

-- name: prune_of_target
SELECT p.target, p.resource, p.outcome, p.message, p.at FROM streams s CROSS JOIN prunes p ON p.stream = s.id
WHERE s.name = :stream AND p.rollout = :rollout AND p.target = :target ORDER BY p.resource

-- name: debt_add
INSERT INTO debts (stream, rollout, debt, owner, reason, release, opened_at, due, closing, closed_at)
VALUES (:stream, :rollout, :debt, :owner, :reason, :release, :opened_at, :due, 0, 0)
ON CONFLICT DO NOTHING

-- name: debt_count
SELECT count(*) FROM debts WHERE stream = :stream AND closed_at = 0

-- name: debt_close
UPDATE debts SET closed_at = :at, closed_by = :by WHERE stream = :stream AND rollout = :rollout AND debt = :debt AND closed_at = 0

-- name: debt_contained
UPDATE debts SET closing = :by WHERE stream = :stream AND rollout = :rollout AND debt = 'hotfix'

-- name: debt_close_contained
UPDATE debts SET closed_at = :at WHERE stream = :stream AND closing = :rollout AND closed_at = 0

-- name: debt_reopen
UPDATE debts SET closed_at = 0, closed_by = NULL, closing = 0
WHERE stream = :stream AND rollout = :rollout AND debt = 'hotfix' AND rollout < :by

-- name: debt_forget
DELETE FROM debts WHERE stream = :stream AND rollout = :rollout

-- name: debt_list
SELECT s.name, d.rollout, d.debt, d.owner, d.reason, d.release, d.opened_at, d.due, d.closed_at, d.closed_by
FROM streams s JOIN debts d ON d.stream = s.id WHERE s.name = :stream ORDER BY d.rollout, d.debt

-- name: clear_debts
DELETE FROM debts WHERE stream = :stream

-- name: dump_debts
SELECT json_array(rollout, debt, owner, reason, release, opened_at, due, closing, closed_at, closed_by)
FROM debts WHERE stream = :stream ORDER BY rollout, debt

-- name: clear_releases
DELETE FROM releases WHERE stream = :stream

-- name: clear_environments
DELETE FROM environments WHERE stream = :stream

-- name: clear_targets
DELETE FROM targets WHERE stream = :stream

-- name: clear_rollouts
DELETE FROM rollouts WHERE stream = :stream

-- name: clear_steps
DELETE FROM steps WHERE stream = :stream

-- name: clear_successes
DELETE FROM successes WHERE stream = :stream

-- name: clear_bad
DELETE FROM bad WHERE stream = :stream

-- name: clear_slots
DELETE FROM slots WHERE stream = :stream

-- name: clear_notices
DELETE FROM notices WHERE stream = :stream

-- name: clear_prunes
DELETE FROM prunes WHERE stream = :stream

-- name: clear_looks
DELETE FROM looks WHERE stream = :stream

-- name: clear_adopted
DELETE FROM adopted WHERE stream = :stream

-- name: dump_releases
SELECT json_array(version, seq, at, manifest, source_commit, base, data_version, data_floor, verdict, fixed_by, reason)
FROM releases WHERE stream = :stream ORDER BY version

-- name: dump_environments
SELECT json_array(held, live, live_rollout, since, previous, clean, dirty, last_good, back_hold, back_reason, hold_rollout, person_hold,
  person_reason, open_rollout, last_rollout, debts, unknown)
FROM environments WHERE stream = :stream

-- name: dump_targets
SELECT json_array(target, release, rollout, since, dirty, dirty_rollout, floor, accepted_release, accepted_rollout, going, restorable,
  held_release, held_rollout, held_since, counted_rollout, counted_good)
FROM targets WHERE stream = :stream ORDER BY target

-- name: dump_rollouts
SELECT json_array(number, service, hash, lane, kind, release, from_release, reason, order_digest, proved, claimed, requested_at, targets,
  cause, supersedes, partial, state, end_reason, ended_at, superseded_by, succeeded, failed, driver, host, claim_until, detached)
FROM rollouts WHERE stream = :stream ORDER BY number

-- name: dump_steps
SELECT json_array(rollout, target, step, attempt, release, outcome, accepted, intended_at, ended_at, arm_at, duration_ms, resources,
  code, message, result, clean_at)
FROM steps WHERE stream = :stream ORDER BY rollout, target, step

-- name: dump_successes
SELECT json_array(seq, release, rollout, at, adopted) FROM successes WHERE stream = :stream ORDER BY at, seq

-- name: dump_bad
SELECT json_array(version, rollout) FROM bad WHERE stream = :stream ORDER BY version

-- name: dump_slots
SELECT json_array(schedule, at, rollout, fate) FROM slots WHERE stream = :stream ORDER BY schedule, at

-- name: dump_notices
SELECT json_array(notice, webhook, at) FROM notices WHERE stream = :stream ORDER BY notice, webhook

-- name: dump_looks
SELECT json_array(word, subject, seq, at, finding, summary, checked_seq, checked_at)
FROM looks WHERE stream = :stream ORDER BY word, subject

-- name: dump_adopted
SELECT json_array(target, name, at, seq, release, accepted) FROM adopted WHERE stream = :stream ORDER BY target, name, at

-- name: dump_prunes
SELECT json_array(rollout, target, resource, outcome, message, at) FROM prunes WHERE stream = :stream ORDER BY rollout, target, resource

-- name: checkpoint
PRAGMA wal_checkpoint(TRUNCATE)
