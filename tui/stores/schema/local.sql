-- The local store. The first five tables are those of the production system; `seq` is the one column of ours in them:
-- a short key that survives VACUUM. The tables named image_backfill_* are a sidecar, and triggers alone keep it, so that
-- an edit by hand with the sqlite3 shell leaves every count as true as one made by the program.

CREATE TABLE organizations (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
  name TEXT NOT NULL,
  website TEXT,
  is_public INTEGER NOT NULL DEFAULT 1 CHECK (is_public IN (0, 1)),
  city TEXT,
  state TEXT,
  country TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX organizations_name ON organizations (name COLLATE NOCASE);

CREATE TABLE vehicles (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))),
  year INTEGER,
  make TEXT,
  model TEXT,
  trim TEXT,
  vin TEXT,
  mileage INTEGER,
  asking_price REAL,
  is_public INTEGER NOT NULL DEFAULT 1 CHECK (is_public IN (0, 1)),
  status TEXT NOT NULL DEFAULT 'pending',
  origin_metadata TEXT CHECK (origin_metadata IS NULL OR json_valid(origin_metadata)),
  origin_organization_id TEXT,
  import_queue_id TEXT,
  discovery_url TEXT,
  listing_url TEXT,
  listing_source TEXT,
  listing_title TEXT,
  primary_image_url TEXT,
  image_url TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE vehicle_images (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
  vehicle_id TEXT NOT NULL REFERENCES vehicles (id) ON DELETE CASCADE,
  user_id TEXT,
  image_url TEXT NOT NULL,
  storage_path TEXT,
  file_hash TEXT,
  file_size INTEGER,
  mime_type TEXT,
  filename TEXT,
  source TEXT,
  source_url TEXT,
  position INTEGER,
  is_primary INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),
  is_external INTEGER NOT NULL DEFAULT 0 CHECK (is_external IN (0, 1)),
  taken_at TEXT,
  exif_data TEXT CHECK (exif_data IS NULL OR json_valid(exif_data)),
  variants TEXT CHECK (variants IS NULL OR json_valid(variants)),
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK (user_id IS NOT NULL OR source IN ('bat_import', 'external_import', 'organization_import'))
);
CREATE INDEX vehicle_images_vehicle ON vehicle_images (vehicle_id, position, source);
CREATE UNIQUE INDEX vehicle_images_hash ON vehicle_images (vehicle_id, file_hash) WHERE file_hash IS NOT NULL;
CREATE UNIQUE INDEX vehicle_images_primary ON vehicle_images (vehicle_id) WHERE is_primary = 1;

CREATE TABLE organization_vehicles (
  vehicle_id TEXT NOT NULL REFERENCES vehicles (id) ON DELETE CASCADE,
  organization_id TEXT NOT NULL,
  relationship_type TEXT NOT NULL DEFAULT 'inventory',
  status TEXT NOT NULL DEFAULT 'active',
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (vehicle_id, organization_id, relationship_type)
) WITHOUT ROWID;

CREATE TABLE import_queue (
  id TEXT NOT NULL PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
  listing_url TEXT NOT NULL UNIQUE,
  source_id TEXT,
  listing_title TEXT,
  listing_price REAL,
  listing_year INTEGER,
  listing_make TEXT,
  listing_model TEXT,
  thumbnail_url TEXT,
  raw_data TEXT CHECK (raw_data IS NULL OR json_valid(raw_data)),
  status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN (
    'pending', 'processing', 'complete', 'failed', 'skipped', 'duplicate', 'pending_review', 'pending_strategy')),
  priority INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL DEFAULT 3,
  vehicle_id TEXT,
  error_message TEXT,
  failure_category TEXT,
  locked_at TEXT,
  locked_by TEXT,
  next_attempt_at TEXT,
  last_attempt_at TEXT,
  processed_at TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE INDEX import_queue_status ON import_queue (status, priority DESC, created_at);

-- An integer for each organization id that a vehicle names ('' for none), whether or not the organization has a row.
CREATE TABLE image_backfill_organizations (
  key INTEGER PRIMARY KEY,
  organization_id TEXT NOT NULL UNIQUE,
  next_rank INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE image_backfill_counts (
  organization INTEGER NOT NULL,
  is_public INTEGER NOT NULL,
  vehicles INTEGER NOT NULL DEFAULT 0,
  needing INTEGER NOT NULL DEFAULT 0,
  backfilled INTEGER NOT NULL DEFAULT 0,
  ready INTEGER NOT NULL DEFAULT 0,
  partial INTEGER NOT NULL DEFAULT 0,
  parked INTEGER NOT NULL DEFAULT 0,
  empty INTEGER NOT NULL DEFAULT 0,
  marked INTEGER NOT NULL DEFAULT 0,
  legacy INTEGER NOT NULL DEFAULT 0,
  images_to_come INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (organization, is_public)
) WITHOUT ROWID;

CREATE TABLE image_backfill_outcomes (
  vehicle INTEGER NOT NULL, -- vehicles.seq
  source_url TEXT NOT NULL,
  host TEXT NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('stored', 'duplicate', 'refused', 'deferred')),
  reason TEXT,
  detail TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0,
  retry_at REAL,
  run_id TEXT NOT NULL DEFAULT '',
  at REAL NOT NULL,
  PRIMARY KEY (vehicle, source_url)
) WITHOUT ROWID;
CREATE INDEX image_backfill_refusals ON image_backfill_outcomes (host, reason, retry_at)
  WHERE result IN ('refused', 'deferred');

CREATE TABLE image_backfill_runs (
  run_id TEXT NOT NULL PRIMARY KEY,
  scope TEXT NOT NULL,
  wish TEXT NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'stop')),
  started_at REAL NOT NULL
);
CREATE INDEX image_backfill_runs_started ON image_backfill_runs (started_at);

-- What each worker of a run reported last.
CREATE TABLE image_backfill_shares (
  run_id TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at REAL NOT NULL,
  seen_at REAL NOT NULL,
  ended_at REAL,
  phase TEXT NOT NULL,
  options TEXT NOT NULL,
  tally TEXT NOT NULL,
  vehicles_done INTEGER NOT NULL DEFAULT 0,
  vehicles_total INTEGER NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  images_per_second REAL NOT NULL DEFAULT 0,
  bytes_per_second REAL NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, worker)
) WITHOUT ROWID;
CREATE INDEX image_backfill_shares_live ON image_backfill_shares (seen_at) WHERE ended_at IS NULL;

-- One row per vehicle. The facts are stored, what follows from them is generated and cannot contradict them.
CREATE TABLE image_backfill_jobs (
  vehicle INTEGER PRIMARY KEY, -- vehicles.seq
  organization INTEGER NOT NULL, -- image_backfill_organizations.key
  rank INTEGER NOT NULL, -- the nth of its organization: claims go by rank, so that organizations take turns
  is_public INTEGER NOT NULL,
  title TEXT NOT NULL,
  search TEXT NOT NULL,
  listed INTEGER NOT NULL, -- origin_metadata.image_urls is there and not null
  url_count INTEGER NOT NULL,
  marked INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  ours INTEGER NOT NULL,
  finals INTEGER NOT NULL DEFAULT 0,
  parked INTEGER NOT NULL DEFAULT 0,
  lease_token TEXT,
  lease_until REAL,
  worker TEXT,
  run_id TEXT,
  retry_at REAL,
  wakes_at REAL AS (COALESCE(lease_until, retry_at)) VIRTUAL,
  state TEXT AS (
    CASE
      WHEN marked THEN 'backfilled'
      WHEN stored > ours AND ours = 0 THEN 'has_images'
      WHEN url_count = 0 THEN CASE WHEN stored > 0 THEN 'has_images' WHEN listed THEN 'empty' ELSE 'no_urls' END
      WHEN parked THEN 'parked'
      WHEN ours > 0 THEN 'partial'
      ELSE 'ready'
    END) VIRTUAL,
  open INTEGER AS (NOT marked AND url_count > 0 AND NOT parked AND (stored = 0 OR ours > 0)) VIRTUAL,
  state_order INTEGER AS (
    CASE state WHEN 'ready' THEN 0 WHEN 'partial' THEN 1 WHEN 'parked' THEN 2 WHEN 'backfilled' THEN 3
      WHEN 'empty' THEN 4 WHEN 'has_images' THEN 5 ELSE 6 END) VIRTUAL,
  in_needing INTEGER AS (listed AND stored = 0) VIRTUAL,
  in_ready INTEGER AS (listed AND state = 'ready') VIRTUAL,
  in_partial INTEGER AS (state = 'partial') VIRTUAL,
  in_parked INTEGER AS (listed AND stored = 0 AND state = 'parked') VIRTUAL,
  in_empty INTEGER AS (state = 'empty') VIRTUAL,
  in_marked INTEGER AS (listed AND stored = 0 AND marked) VIRTUAL,
  in_legacy INTEGER AS (NOT listed AND state = 'ready') VIRTUAL,
  to_come INTEGER AS (CASE WHEN open THEN max(url_count - finals, 0) ELSE 0 END) VIRTUAL
);
CREATE INDEX image_backfill_jobs_free ON image_backfill_jobs (is_public, rank) WHERE open AND wakes_at IS NULL;
CREATE INDEX image_backfill_jobs_free_of ON image_backfill_jobs (organization, is_public, rank)
  WHERE open AND wakes_at IS NULL;
CREATE INDEX image_backfill_jobs_wakes ON image_backfill_jobs (wakes_at) WHERE wakes_at IS NOT NULL;
CREATE INDEX image_backfill_jobs_held ON image_backfill_jobs (worker) WHERE worker IS NOT NULL;
CREATE INDEX image_backfill_jobs_title ON image_backfill_jobs (title);
CREATE INDEX image_backfill_jobs_urls ON image_backfill_jobs (url_count);
CREATE INDEX image_backfill_jobs_state ON image_backfill_jobs (state_order);
CREATE INDEX image_backfill_jobs_title_of ON image_backfill_jobs (organization, title);
CREATE INDEX image_backfill_jobs_urls_of ON image_backfill_jobs (organization, url_count);
CREATE INDEX image_backfill_jobs_state_of ON image_backfill_jobs (organization, state_order);

-- What the rows of the production system say about each vehicle: the one definition behind every trigger.
CREATE VIEW image_backfill_facts AS
SELECT
  v.seq AS vehicle,
  COALESCE(NULLIF(v.origin_organization_id, ''), (
    SELECT ov.organization_id FROM organization_vehicles ov
    WHERE ov.vehicle_id = v.id AND ov.status = 'active' ORDER BY ov.created_at, ov.organization_id LIMIT 1), '') AS organization_id,
  v.is_public AS is_public,
  CASE
    WHEN COALESCE(v.make, '') <> '' OR COALESCE(v.model, '') <> '' OR COALESCE(v.listing_title, '') = ''
    THEN COALESCE(NULLIF(trim(COALESCE(v.year || ' ', '') || COALESCE(v.make || ' ', '') || COALESCE(v.model || ' ', '')
      || COALESCE(v.trim, '')), ''), v.id)
    ELSE v.listing_title
  END AS title,
  v.vin AS vin,
  json_extract(v.origin_metadata, '$.image_urls') IS NOT NULL AS listed,
  CASE json_type(v.origin_metadata, '$.image_urls')
    WHEN 'array' THEN json_array_length(v.origin_metadata, '$.image_urls')
    ELSE (
      -- A string may hold one URL, or a list that was encoded twice.
      SELECT CASE
        WHEN g.value IS NULL OR trim(g.value) = '' THEN 0
        WHEN NOT json_valid(g.value) THEN 1
        WHEN json_type(g.value) = 'array' THEN json_array_length(g.value)
        ELSE 0 END
      FROM (SELECT COALESCE(json_extract(v.origin_metadata, '$.image_urls'), json_extract(v.origin_metadata, '$.images'))
        AS value) g)
  END AS url_count,
  COALESCE(json_extract(v.origin_metadata, '$.images_backfilled') = 1, 0) AS marked,
  (SELECT COUNT(*) FROM vehicle_images i WHERE i.vehicle_id = v.id) AS stored,
  (SELECT COUNT(*) FROM vehicle_images i WHERE i.vehicle_id = v.id AND i.source = 'external_import') AS ours,
  (SELECT COUNT(*) FROM image_backfill_outcomes o WHERE o.vehicle = v.seq AND o.result <> 'deferred') AS finals
FROM vehicles v;

-- INSERT INTO image_backfill_placement (vehicle) puts a job where its vehicle belongs now.
CREATE VIEW image_backfill_placement AS SELECT vehicle, organization_id FROM image_backfill_facts;

CREATE TRIGGER image_backfill_organizations_counted AFTER INSERT ON image_backfill_organizations BEGIN
  INSERT INTO image_backfill_counts (organization, is_public) VALUES (NEW.key, 0), (NEW.key, 1);
END;

CREATE TRIGGER image_backfill_placed INSTEAD OF INSERT ON image_backfill_placement BEGIN
  -- Not INSERT OR IGNORE: an OR REPLACE in the statement that set this off would override it.
  INSERT INTO image_backfill_organizations (organization_id)
    SELECT f.organization_id FROM image_backfill_facts f WHERE f.vehicle = NEW.vehicle AND NOT EXISTS (
      SELECT 1 FROM image_backfill_organizations k WHERE k.organization_id = f.organization_id);
  UPDATE image_backfill_jobs SET (organization, rank) = (
      SELECT k.key, k.next_rank FROM image_backfill_facts f JOIN image_backfill_organizations k USING (organization_id)
      WHERE f.vehicle = NEW.vehicle)
    WHERE vehicle = NEW.vehicle AND organization IS NOT (
      SELECT k.key FROM image_backfill_facts f JOIN image_backfill_organizations k USING (organization_id)
      WHERE f.vehicle = NEW.vehicle);
END;

CREATE TRIGGER image_backfill_jobs_ranked AFTER UPDATE OF organization ON image_backfill_jobs
WHEN OLD.organization <> NEW.organization BEGIN
  UPDATE image_backfill_organizations SET next_rank = next_rank + 1 WHERE key = NEW.organization;
END;

CREATE TRIGGER image_backfill_jobs_inserted AFTER INSERT ON image_backfill_jobs BEGIN
  UPDATE image_backfill_organizations SET next_rank = next_rank + 1 WHERE key = NEW.organization;
  UPDATE image_backfill_counts SET vehicles = vehicles + 1, needing = needing + NEW.in_needing,
    backfilled = backfilled + NEW.marked, ready = ready + NEW.in_ready, partial = partial + NEW.in_partial,
    parked = parked + NEW.in_parked, empty = empty + NEW.in_empty, marked = marked + NEW.in_marked,
    legacy = legacy + NEW.in_legacy, images_to_come = images_to_come + NEW.to_come
    WHERE organization = NEW.organization AND is_public = NEW.is_public;
END;

CREATE TRIGGER image_backfill_jobs_deleted AFTER DELETE ON image_backfill_jobs BEGIN
  UPDATE image_backfill_counts SET vehicles = vehicles - 1, needing = needing - OLD.in_needing,
    backfilled = backfilled - OLD.marked, ready = ready - OLD.in_ready, partial = partial - OLD.in_partial,
    parked = parked - OLD.in_parked, empty = empty - OLD.in_empty, marked = marked - OLD.in_marked,
    legacy = legacy - OLD.in_legacy, images_to_come = images_to_come - OLD.to_come
    WHERE organization = OLD.organization AND is_public = OLD.is_public;
  DELETE FROM image_backfill_outcomes WHERE vehicle = OLD.vehicle;
END;

CREATE TRIGGER image_backfill_jobs_updated
AFTER UPDATE OF organization, is_public, listed, url_count, marked, stored, ours, finals, parked
ON image_backfill_jobs BEGIN
  UPDATE image_backfill_counts SET vehicles = vehicles - 1, needing = needing - OLD.in_needing,
    backfilled = backfilled - OLD.marked, ready = ready - OLD.in_ready, partial = partial - OLD.in_partial,
    parked = parked - OLD.in_parked, empty = empty - OLD.in_empty, marked = marked - OLD.in_marked,
    legacy = legacy - OLD.in_legacy, images_to_come = images_to_come - OLD.to_come
    WHERE organization = OLD.organization AND is_public = OLD.is_public;
  UPDATE image_backfill_counts SET vehicles = vehicles + 1, needing = needing + NEW.in_needing,
    backfilled = backfilled + NEW.marked, ready = ready + NEW.in_ready, partial = partial + NEW.in_partial,
    parked = parked + NEW.in_parked, empty = empty + NEW.in_empty, marked = marked + NEW.in_marked,
    legacy = legacy + NEW.in_legacy, images_to_come = images_to_come + NEW.to_come
    WHERE organization = NEW.organization AND is_public = NEW.is_public;
END;

-- INSERT OR REPLACE deletes the old row without a word to DELETE triggers: remember it before, forget its job after.
CREATE TABLE image_backfill_replaced (vehicle INTEGER);

CREATE TRIGGER vehicles_replacing BEFORE INSERT ON vehicles
WHEN EXISTS (SELECT 1 FROM vehicles WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM vehicles WHERE seq = NEW.seq) BEGIN
  INSERT INTO image_backfill_replaced SELECT seq FROM vehicles WHERE id = NEW.id OR seq = NEW.seq;
END;

CREATE TRIGGER vehicles_inserted AFTER INSERT ON vehicles BEGIN
  DELETE FROM image_backfill_jobs WHERE vehicle IN (
    SELECT r.vehicle FROM image_backfill_replaced r
    WHERE r.vehicle = NEW.seq OR NOT EXISTS (SELECT 1 FROM vehicles v WHERE v.seq = r.vehicle));
  DELETE FROM image_backfill_replaced;
  INSERT INTO image_backfill_organizations (organization_id)
    SELECT f.organization_id FROM image_backfill_facts f WHERE f.vehicle = NEW.seq AND NOT EXISTS (
      SELECT 1 FROM image_backfill_organizations k WHERE k.organization_id = f.organization_id);
  INSERT INTO image_backfill_jobs
      (vehicle, organization, rank, is_public, title, search, listed, url_count, marked, stored, ours)
    SELECT f.vehicle, k.key, k.next_rank, f.is_public, f.title, lower(f.title || ' ' || COALESCE(f.vin, '')),
      f.listed, f.url_count, f.marked, f.stored, f.ours
    FROM image_backfill_facts f JOIN image_backfill_organizations k USING (organization_id)
    WHERE f.vehicle = NEW.seq;
END;

CREATE TRIGGER vehicles_deleted AFTER DELETE ON vehicles BEGIN
  DELETE FROM image_backfill_jobs WHERE vehicle = OLD.seq;
END;

CREATE TRIGGER vehicles_keyed BEFORE UPDATE OF seq ON vehicles WHEN OLD.seq <> NEW.seq BEGIN
  SELECT RAISE(ABORT, 'vehicles.seq never changes');
END;

CREATE TRIGGER vehicles_touched AFTER UPDATE ON vehicles WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE vehicles SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE seq = NEW.seq;
END;

-- Postgres reads these strings as true; SQLite does not. Written as JSON true, both count the vehicle.
CREATE TRIGGER vehicles_mark_inserted AFTER INSERT ON vehicles
WHEN json_type(NEW.origin_metadata, '$.images_backfilled') = 'text'
  AND lower(trim(json_extract(NEW.origin_metadata, '$.images_backfilled'))) IN ('true', 't', 'yes', 'y', 'on', '1') BEGIN
  UPDATE vehicles SET origin_metadata = json_set(origin_metadata, '$.images_backfilled', json('true'))
    WHERE seq = NEW.seq;
END;
CREATE TRIGGER vehicles_mark_updated AFTER UPDATE OF origin_metadata ON vehicles
WHEN json_type(NEW.origin_metadata, '$.images_backfilled') = 'text'
  AND lower(trim(json_extract(NEW.origin_metadata, '$.images_backfilled'))) IN ('true', 't', 'yes', 'y', 'on', '1') BEGIN
  UPDATE vehicles SET origin_metadata = json_set(origin_metadata, '$.images_backfilled', json('true'))
    WHERE seq = NEW.seq;
END;

CREATE TRIGGER vehicles_listed AFTER UPDATE OF origin_metadata ON vehicles BEGIN
  UPDATE image_backfill_jobs SET (listed, url_count, marked) = (
      SELECT listed, url_count, marked FROM image_backfill_facts WHERE vehicle = NEW.seq)
    WHERE vehicle = NEW.seq;
END;

CREATE TRIGGER vehicles_titled AFTER UPDATE OF id, year, make, model, trim, listing_title, vin ON vehicles BEGIN
  UPDATE image_backfill_jobs SET (title, search) = (
      SELECT title, lower(title || ' ' || COALESCE(vin, '')) FROM image_backfill_facts WHERE vehicle = NEW.seq)
    WHERE vehicle = NEW.seq;
END;

CREATE TRIGGER vehicles_published AFTER UPDATE OF is_public ON vehicles WHEN OLD.is_public <> NEW.is_public BEGIN
  UPDATE image_backfill_jobs SET is_public = NEW.is_public WHERE vehicle = NEW.seq;
END;

CREATE TRIGGER vehicles_renamed AFTER UPDATE OF id ON vehicles WHEN OLD.id <> NEW.id BEGIN
  UPDATE image_backfill_jobs SET (stored, ours) = (SELECT stored, ours FROM image_backfill_facts WHERE vehicle = NEW.seq)
    WHERE vehicle = NEW.seq;
  INSERT INTO image_backfill_placement (vehicle) VALUES (NEW.seq);
END;

CREATE TRIGGER vehicles_moved AFTER UPDATE OF origin_organization_id ON vehicles
WHEN OLD.origin_organization_id IS NOT NEW.origin_organization_id BEGIN
  INSERT INTO image_backfill_placement (vehicle) VALUES (NEW.seq);
END;

CREATE TRIGGER organization_vehicles_inserted AFTER INSERT ON organization_vehicles BEGIN
  INSERT INTO image_backfill_placement (vehicle)
    SELECT seq FROM vehicles WHERE id = NEW.vehicle_id AND COALESCE(origin_organization_id, '') = '';
END;
CREATE TRIGGER organization_vehicles_updated AFTER UPDATE ON organization_vehicles BEGIN
  INSERT INTO image_backfill_placement (vehicle)
    SELECT seq FROM vehicles WHERE id IN (OLD.vehicle_id, NEW.vehicle_id) AND COALESCE(origin_organization_id, '') = '';
END;
CREATE TRIGGER organization_vehicles_deleted AFTER DELETE ON organization_vehicles BEGIN
  INSERT INTO image_backfill_placement (vehicle)
    SELECT seq FROM vehicles WHERE id = OLD.vehicle_id AND COALESCE(origin_organization_id, '') = '';
END;

-- Counted again rather than by one more: a replaced row vanishes without a trigger.
CREATE TRIGGER vehicle_images_inserted AFTER INSERT ON vehicle_images BEGIN
  UPDATE image_backfill_jobs SET (stored, ours) = (
      SELECT COUNT(*), COUNT(CASE WHEN source = 'external_import' THEN 1 END) FROM vehicle_images
      WHERE vehicle_id = NEW.vehicle_id)
    WHERE vehicle = (SELECT seq FROM vehicles WHERE id = NEW.vehicle_id);
END;
CREATE TRIGGER vehicle_images_deleted AFTER DELETE ON vehicle_images BEGIN
  UPDATE image_backfill_jobs SET (stored, ours) = (
      SELECT COUNT(*), COUNT(CASE WHEN source = 'external_import' THEN 1 END) FROM vehicle_images
      WHERE vehicle_id = OLD.vehicle_id)
    WHERE vehicle = (SELECT seq FROM vehicles WHERE id = OLD.vehicle_id);
END;
CREATE TRIGGER vehicle_images_updated AFTER UPDATE OF vehicle_id, source ON vehicle_images BEGIN
  UPDATE image_backfill_jobs SET (stored, ours) = (
      SELECT stored, ours FROM image_backfill_facts f WHERE f.vehicle = image_backfill_jobs.vehicle)
    WHERE vehicle IN (SELECT seq FROM vehicles WHERE id IN (OLD.vehicle_id, NEW.vehicle_id));
END;

CREATE TRIGGER image_backfill_outcomes_inserted AFTER INSERT ON image_backfill_outcomes WHEN NEW.result <> 'deferred' BEGIN
  UPDATE image_backfill_jobs SET finals = (
      SELECT COUNT(*) FROM image_backfill_outcomes WHERE vehicle = NEW.vehicle AND result <> 'deferred')
    WHERE vehicle = NEW.vehicle;
END;
CREATE TRIGGER image_backfill_outcomes_updated AFTER UPDATE OF vehicle, result ON image_backfill_outcomes
WHEN OLD.result <> NEW.result OR OLD.vehicle <> NEW.vehicle BEGIN
  UPDATE image_backfill_jobs SET finals = (
      SELECT COUNT(*) FROM image_backfill_outcomes o
      WHERE o.vehicle = image_backfill_jobs.vehicle AND o.result <> 'deferred')
    WHERE vehicle IN (OLD.vehicle, NEW.vehicle);
END;
CREATE TRIGGER image_backfill_outcomes_deleted AFTER DELETE ON image_backfill_outcomes WHEN OLD.result <> 'deferred' BEGIN
  UPDATE image_backfill_jobs SET finals = (
      SELECT COUNT(*) FROM image_backfill_outcomes WHERE vehicle = OLD.vehicle AND result <> 'deferred')
    WHERE vehicle = OLD.vehicle;
END;
