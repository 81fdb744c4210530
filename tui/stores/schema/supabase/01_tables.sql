-- The sidecar: what a backfill must remember beside the tables of the project, and nothing of it in them.

CREATE TABLE IF NOT EXISTS public.image_backfill_about (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL,
  source text NOT NULL,
  columns text[] NOT NULL, -- what the tables of the project had when this was installed
  organizations text NOT NULL DEFAULT '', -- the table of organizations, '' for none
  changes_seen timestamptz NOT NULL DEFAULT '-infinity', -- how far `image_backfill_catch_up` came among vehicles,
  changes_seen_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  photos_seen timestamptz NOT NULL DEFAULT '-infinity', -- and among images,
  looked_at timestamptz NOT NULL DEFAULT now(), -- and when
  deletions_seen bigint NOT NULL DEFAULT -1, -- the statistics' count of deleted rows at the last whole sync
  synced_at timestamptz -- the end of the last whole sync
);
ALTER TABLE public.image_backfill_about ADD COLUMN IF NOT EXISTS organizations text NOT NULL DEFAULT '';

-- One row per vehicle. The first part follows the project's own rows, the second is the queue's. What follows from them
-- is generated and cannot contradict them.
CREATE TABLE IF NOT EXISTS public.image_backfill_jobs (
  vehicle_id uuid PRIMARY KEY,
  organization_id text NOT NULL DEFAULT '', -- '' for none
  rank bigint NOT NULL, -- the nth of its organization: claims go by rank, so that organizations take turns
  is_public boolean NOT NULL,
  title text COLLATE "C" NOT NULL,
  search text NOT NULL,
  listed boolean NOT NULL, -- origin_metadata.image_urls is there and not null
  url_count integer NOT NULL,
  gallery bigint NOT NULL, -- a digest of the URL list
  marked boolean NOT NULL,
  stored integer NOT NULL,
  ours integer NOT NULL,
  finals integer NOT NULL DEFAULT 0,
  parked boolean NOT NULL DEFAULT false,
  retry_at timestamptz,
  lease_token uuid,
  lease_until timestamptz,
  lease_gallery bigint, -- the gallery as the worker saw it
  settled_token uuid, -- the lease that was ended last
  worker text,
  run_id text,
  wakes_at timestamptz GENERATED ALWAYS AS (COALESCE(lease_until, retry_at)) STORED,
  state smallint GENERATED ALWAYS AS (
    CASE
      WHEN marked THEN 3 -- backfilled
      WHEN stored > ours AND ours = 0 THEN 5 -- has images
      WHEN url_count = 0 THEN CASE WHEN stored > 0 THEN 5 WHEN listed THEN 4 /* empty */ ELSE 6 /* no URLs */ END
      WHEN parked THEN 2
      WHEN ours > 0 THEN 1 -- partial
      ELSE 0 -- ready
    END) STORED,
  open boolean GENERATED ALWAYS AS (NOT marked AND url_count > 0 AND NOT parked AND (stored = 0 OR ours > 0)) STORED
);
CREATE INDEX IF NOT EXISTS image_backfill_jobs_free ON public.image_backfill_jobs (is_public, rank, vehicle_id)
  WHERE open AND wakes_at IS NULL;
CREATE INDEX IF NOT EXISTS image_backfill_jobs_free_of
  ON public.image_backfill_jobs (organization_id, is_public, rank, vehicle_id) WHERE open AND wakes_at IS NULL;
CREATE INDEX IF NOT EXISTS image_backfill_jobs_wakes ON public.image_backfill_jobs (wakes_at) WHERE wakes_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS image_backfill_jobs_leased ON public.image_backfill_jobs (worker, lease_token)
  WHERE worker IS NOT NULL;
-- What version 1 had here, each of them written by every lease.
DROP INDEX IF EXISTS public.image_backfill_jobs_held, public.image_backfill_jobs_rank, public.image_backfill_jobs_title,
  public.image_backfill_jobs_urls, public.image_backfill_jobs_state, public.image_backfill_jobs_title_of,
  public.image_backfill_jobs_urls_of, public.image_backfill_jobs_state_of;

-- What is looked for and paged of a job, a copy that the trigger below keeps. A lease changes nothing of it; on the jobs
-- themselves every lease would write into each of these indexes.
CREATE TABLE IF NOT EXISTS public.image_backfill_catalog (
  vehicle_id uuid PRIMARY KEY,
  organization_id text NOT NULL,
  rank bigint NOT NULL,
  title text COLLATE "C" NOT NULL,
  search text NOT NULL,
  url_count integer NOT NULL,
  state smallint NOT NULL
);
INSERT INTO public.image_backfill_catalog (vehicle_id, organization_id, rank, title, search, url_count, state)
SELECT j.vehicle_id, j.organization_id, j.rank, j.title, j.search, j.url_count, j.state FROM public.image_backfill_jobs j
WHERE NOT EXISTS (SELECT FROM public.image_backfill_catalog c WHERE c.vehicle_id = j.vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_rank ON public.image_backfill_catalog (organization_id, rank);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_title ON public.image_backfill_catalog (title, vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_urls ON public.image_backfill_catalog (url_count, vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_state ON public.image_backfill_catalog (state, vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_title_of
  ON public.image_backfill_catalog (organization_id, title, vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_urls_of
  ON public.image_backfill_catalog (organization_id, url_count, vehicle_id);
CREATE INDEX IF NOT EXISTS image_backfill_catalog_state_of
  ON public.image_backfill_catalog (organization_id, state, vehicle_id);

-- The summary, as changes to be added up: whoever changes jobs only ever adds rows here, so that no worker waits for
-- another at the counter of an organization. A sync folds them together.
CREATE TABLE IF NOT EXISTS public.image_backfill_counts (
  organization_id text NOT NULL,
  is_public boolean NOT NULL,
  vehicles bigint NOT NULL,
  needing bigint NOT NULL,
  backfilled bigint NOT NULL,
  ready bigint NOT NULL,
  partial bigint NOT NULL,
  parked bigint NOT NULL,
  empty bigint NOT NULL,
  marked bigint NOT NULL,
  legacy bigint NOT NULL,
  images_to_come bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS image_backfill_counts_of ON public.image_backfill_counts (organization_id);

-- Bookmarks in each order of the catalog: where one is, and how many vehicles there are from it to the next. A far page is
-- reached from the bookmark before it. The first of an order is before everything; a small project has none.
CREATE TABLE IF NOT EXISTS public.image_backfill_bookmarks (
  sort text NOT NULL, -- title, urls or state
  title text COLLATE "C" NOT NULL, -- '' but by title
  number integer NOT NULL, -- 0 by title
  vehicle_id uuid NOT NULL,
  vehicles bigint NOT NULL,
  PRIMARY KEY (sort, title, number, vehicle_id)
);
-- What is not yet added up there: 1 for a vehicle that came to a place in an order, -1 for one that left it.
CREATE TABLE IF NOT EXISTS public.image_backfill_moves (LIKE public.image_backfill_bookmarks);

CREATE TABLE IF NOT EXISTS public.image_backfill_outcomes (
  vehicle_id uuid NOT NULL,
  url_key uuid GENERATED ALWAYS AS (md5(source_url)::uuid) STORED, -- a URL may be too long for an index
  source_url text NOT NULL,
  host text NOT NULL,
  result text NOT NULL CHECK (result IN ('stored', 'duplicate', 'refused', 'deferred')),
  reason text,
  detail text NOT NULL DEFAULT '',
  attempts integer NOT NULL DEFAULT 0,
  retry_at timestamptz,
  run_id text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (vehicle_id, url_key)
);
CREATE INDEX IF NOT EXISTS image_backfill_outcomes_refused ON public.image_backfill_outcomes (host, reason, retry_at)
  WHERE result IN ('refused', 'deferred');

CREATE TABLE IF NOT EXISTS public.image_backfill_runs (
  run_id text PRIMARY KEY,
  scope text NOT NULL, -- equal for scopes that name the same vehicles
  wish text NOT NULL DEFAULT 'run' CHECK (wish IN ('run', 'pause', 'stop')),
  started_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS image_backfill_runs_started ON public.image_backfill_runs (started_at);

-- Each worker's share of a run, as it last told.
CREATE TABLE IF NOT EXISTS public.image_backfill_shares (
  run_id text NOT NULL REFERENCES public.image_backfill_runs (run_id) ON DELETE CASCADE,
  worker text NOT NULL,
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  ended_at timestamptz,
  phase text NOT NULL,
  told jsonb NOT NULL, -- options, tally, vehicles_done, vehicles_total, error, rates
  PRIMARY KEY (run_id, worker)
);
CREATE INDEX IF NOT EXISTS image_backfill_shares_live ON public.image_backfill_shares (seen_at) WHERE ended_at IS NULL;

-- Every change of a job goes into the summary, the catalog and its moves in the same transaction, whoever makes it.
CREATE OR REPLACE FUNCTION public.image_backfill_count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  changed CONSTANT text := CASE TG_OP
    WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM added'
    WHEN 'DELETE' THEN 'SELECT -1 AS sign, * FROM removed'
    ELSE 'SELECT 1 AS sign, * FROM added UNION ALL SELECT -1, * FROM removed' END;
  moved boolean;
BEGIN
  -- Most statements change nothing that counts, but a lease. A query made anew each time would cost as much as they do.
  IF TG_OP = 'UPDATE' THEN
    IF NOT EXISTS (
      SELECT FROM added a JOIN removed r USING (vehicle_id)
      WHERE (a.organization_id, a.rank, a.is_public, a.title, a.search, a.listed, a.stored, a.marked, a.state, a.open, a.url_count, a.finals)
        IS DISTINCT FROM
        (r.organization_id, r.rank, r.is_public, r.title, r.search, r.listed, r.stored, r.marked, r.state, r.open, r.url_count, r.finals)) THEN
      RETURN NULL;
    END IF;
    UPDATE public.image_backfill_catalog c SET organization_id = a.organization_id, rank = a.rank, title = a.title, search = a.search,
      url_count = a.url_count, state = a.state
    FROM added a WHERE a.vehicle_id = c.vehicle_id
      AND (c.organization_id, c.rank, c.title, c.search, c.url_count, c.state)
        IS DISTINCT FROM (a.organization_id, a.rank, a.title, a.search, a.url_count, a.state);
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM public.image_backfill_catalog c USING removed r WHERE r.vehicle_id = c.vehicle_id;
  ELSE
    INSERT INTO public.image_backfill_catalog (vehicle_id, organization_id, rank, title, search, url_count, state)
    SELECT a.vehicle_id, a.organization_id, a.rank, a.title, a.search, a.url_count, a.state FROM added a;
  END IF;
  moved := FOUND;
  IF NOT moved AND TG_OP <> 'UPDATE' THEN
    RETURN NULL;
  END IF;
  EXECUTE format($query$
    INSERT INTO public.image_backfill_counts
    SELECT * FROM (
      SELECT organization_id, is_public, sum(sign) AS vehicles,
        sum(sign * (listed AND stored = 0)::int) AS needing,
        sum(sign * marked::int) AS backfilled,
        sum(sign * (listed AND state = 0)::int) AS ready,
        sum(sign * (state = 1)::int) AS partial,
        sum(sign * (listed AND stored = 0 AND state = 2)::int) AS parked,
        sum(sign * (state = 4)::int) AS empty,
        sum(sign * (listed AND stored = 0 AND marked)::int) AS marked,
        sum(sign * (NOT listed AND state = 0)::int) AS legacy,
        sum(sign * CASE WHEN open THEN greatest(url_count - finals, 0) ELSE 0 END) AS images_to_come
      FROM (%s) changed GROUP BY organization_id, is_public) summed
    WHERE (vehicles, needing, backfilled, ready, partial, parked, empty, marked, legacy, images_to_come)
      <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  $query$, changed);
  IF moved AND EXISTS (SELECT FROM public.image_backfill_bookmarks) THEN
    EXECUTE format($query$
      INSERT INTO public.image_backfill_moves (sort, title, number, vehicle_id, vehicles)
      SELECT k.sort, k.title, k.number, c.vehicle_id, sum(c.sign) FROM (%s) c
      CROSS JOIN LATERAL (VALUES ('title', c.title, 0), ('urls', '', c.url_count), ('state', '', c.state)) k (sort, title, number)
      GROUP BY k.sort, k.title, k.number, c.vehicle_id HAVING sum(c.sign) <> 0
    $query$, changed);
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER image_backfill_jobs_added AFTER INSERT ON public.image_backfill_jobs
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.image_backfill_count_jobs();
CREATE OR REPLACE TRIGGER image_backfill_jobs_removed AFTER DELETE ON public.image_backfill_jobs
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION public.image_backfill_count_jobs();
CREATE OR REPLACE TRIGGER image_backfill_jobs_changed AFTER UPDATE ON public.image_backfill_jobs
  REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT
  EXECUTE FUNCTION public.image_backfill_count_jobs();
