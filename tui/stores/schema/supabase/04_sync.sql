-- Keeping the sidecar true to the project's tables, without a trigger on them.

-- Takes some vehicles in as they are now; how many jobs that changed. Whoever works on one of them waits for its row, so
-- what is written here cannot be older than what a worker wrote.
CREATE FUNCTION public.image_backfill_take_in(vehicles uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  stale CONSTANT uuid[] := ARRAY(
    SELECT v.id FROM public.vehicles v LEFT JOIN public.image_backfill_jobs j ON j.vehicle_id = v.id
    WHERE v.id = ANY (vehicles) AND j.vehicle_id IS NULL
    UNION ALL
    SELECT f.vehicle_id FROM public.image_backfill_facts f JOIN public.image_backfill_jobs j USING (vehicle_id)
    WHERE f.vehicle_id = ANY (vehicles)
      AND (j.organization_id, j.is_public, j.title, j.search, j.listed, j.url_count, j.gallery, j.marked, j.stored, j.ours)
        IS DISTINCT FROM (f.organization_id, f.is_public, f.title, lower(f.title || ' ' || f.vin), f.listed, f.url_count, f.gallery, f.marked, f.stored, f.ours));
  recalled uuid[];
  gone integer := 0;
BEGIN
  IF EXISTS (
    SELECT FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (vehicles)
      AND NOT EXISTS (SELECT FROM public.vehicles v WHERE v.id = j.vehicle_id)) THEN
    DELETE FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (vehicles)
      AND NOT EXISTS (SELECT FROM public.vehicles v WHERE v.id = j.vehicle_id);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM public.image_backfill_outcomes o WHERE o.vehicle_id = ANY (vehicles)
      AND NOT EXISTS (SELECT FROM public.vehicles v WHERE v.id = o.vehicle_id);
  END IF;
  IF stale = '{}' THEN
    RETURN gone;
  END IF;
  PERFORM FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (stale) ORDER BY j.vehicle_id FOR UPDATE;
  recalled := ARRAY(
    SELECT v.id FROM public.vehicles v WHERE v.id = ANY (stale) AND v.origin_metadata ? 'image_backfill'
      AND NOT EXISTS (SELECT FROM public.image_backfill_jobs j WHERE j.vehicle_id = v.id));
  WITH facts AS MATERIALIZED (
    SELECT f.*, lower(f.title || ' ' || f.vin) AS search FROM public.image_backfill_facts f WHERE f.vehicle_id = ANY (stale)),
  last AS MATERIALIZED (
    SELECT o.organization_id, COALESCE((SELECT max(r.rank) FROM public.image_backfill_catalog r WHERE r.organization_id = o.organization_id), 0) AS rank
    FROM (SELECT DISTINCT f.organization_id FROM facts f) o),
  changed AS (
    UPDATE public.image_backfill_jobs j SET
      organization_id = f.organization_id, rank = CASE WHEN j.organization_id = f.organization_id THEN j.rank ELSE last.rank + 1 END,
      is_public = f.is_public, title = f.title, search = f.search, listed = f.listed, url_count = f.url_count,
      gallery = f.gallery, marked = f.marked, stored = f.stored, ours = f.ours,
      -- Another gallery is a new chance, and what has an image of ours is not parked, however late that came.
      parked = j.parked AND j.gallery = f.gallery AND f.ours = 0, retry_at = CASE WHEN j.gallery = f.gallery THEN j.retry_at END
    FROM facts f JOIN last USING (organization_id) WHERE j.vehicle_id = f.vehicle_id)
  INSERT INTO public.image_backfill_jobs
    (vehicle_id, organization_id, rank, is_public, title, search, listed, url_count, gallery, marked, stored, ours, finals)
  SELECT f.vehicle_id, f.organization_id, last.rank + row_number() OVER (PARTITION BY f.organization_id ORDER BY f.vehicle_id),
    f.is_public, f.title, f.search, f.listed, f.url_count, f.gallery, f.marked, f.stored, f.ours,
    (SELECT count(*) FROM public.image_backfill_outcomes o WHERE o.vehicle_id = f.vehicle_id AND o.result <> 'deferred')
  FROM facts f JOIN last USING (organization_id)
  WHERE NOT EXISTS (SELECT FROM public.image_backfill_jobs j WHERE j.vehicle_id = f.vehicle_id)
  ORDER BY f.vehicle_id -- whoever else does the same waits instead of locking each other out
  ON CONFLICT (vehicle_id) DO NOTHING;
  IF recalled <> '{}' THEN
    PERFORM public.image_backfill_recall(recalled);
  END IF;
  RETURN gone + cardinality(stale);
END $$;

-- Rows that were deleted from the two tables so far, as the statistics of the database tell (within a second or so).
CREATE FUNCTION public.image_backfill_deletions() RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT pg_stat_get_tuples_deleted('public.vehicles'::regclass) + pg_stat_get_tuples_deleted('public.vehicle_images'::regclass)
$$;

-- The next part of a whole sync: the vehicles after `last`, NULL for the first part. Answers what to ask with next:
-- {"last": null at the end, "began", "deletions"}, and "changed": jobs.
CREATE FUNCTION public.image_backfill_sync(
  last uuid DEFAULT NULL, began timestamptz DEFAULT now(), deletions bigint DEFAULT public.image_backfill_deletions(), size integer DEFAULT 5000
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  after CONSTANT uuid := last;
  ids CONSTANT uuid[] := ARRAY(SELECT v.id FROM public.vehicles v WHERE after IS NULL OR v.id > after ORDER BY v.id LIMIT size);
  changed integer;
BEGIN
  PERFORM pg_advisory_xact_lock(7305174, 1);
  last := CASE WHEN cardinality(ids) = size THEN ids[size] END;
  changed := public.image_backfill_take_in(ids);
  DELETE FROM public.image_backfill_jobs j
  WHERE (after IS NULL OR j.vehicle_id > after) AND (last IS NULL OR j.vehicle_id < last) AND NOT EXISTS (
    SELECT FROM public.vehicles v WHERE v.id = j.vehicle_id);
  IF last IS NULL THEN
    UPDATE public.image_backfill_about SET synced_at = now(), deletions_seen = deletions,
      changes_seen = greatest(changes_seen, began), photos_seen = greatest(photos_seen, began);
    DELETE FROM public.image_backfill_outcomes o WHERE NOT EXISTS (
      SELECT FROM public.image_backfill_jobs j WHERE j.vehicle_id = o.vehicle_id);
    PERFORM public.image_backfill_fold_counts();
  END IF;
  RETURN jsonb_build_object('last', last, 'began', began, 'deletions', deletions, 'changed', changed);
END $$;

-- What changed since the last time, by the time stamps of the rows. {"more": whether to ask again at once, "new": whether
-- there was no whole sync yet, "stale": whether only a whole sync can tell, since rows were deleted, too many came at
-- once, or rows have no time stamps that can be relied on}. One at a time: whoever comes second finds the work done.
CREATE FUNCTION public.image_backfill_catch_up(size integer DEFAULT 2000) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  -- A transaction that takes its time commits rows whose time stamp has passed already.
  slack CONSTANT interval := '30 seconds';
  about public.image_backfill_about;
  ids uuid[];
  stamps timestamptz[];
  photos uuid[];
  photos_until timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(7305174, 3);
  SELECT * INTO about FROM public.image_backfill_about;
  IF about.synced_at IS NULL THEN
    RETURN jsonb_build_object('more', false, 'new', true, 'stale', true);
  END IF;

  SELECT array_agg(c.vehicle_id ORDER BY c.changed_at, c.vehicle_id), array_agg(c.changed_at ORDER BY c.changed_at, c.vehicle_id)
  INTO ids, stamps FROM (
    SELECT f.vehicle_id, f.changed_at FROM public.image_backfill_facts f
    WHERE (f.changed_at, f.vehicle_id) > (about.changes_seen, about.changes_seen_id) AND f.changed_at <= now()
    ORDER BY f.changed_at, f.vehicle_id LIMIT size) c;
  SELECT array_agg(p.vehicle_id), max(p.created_at) INTO photos, photos_until FROM (
    SELECT i.vehicle_id, i.created_at FROM public.image_backfill_photos i WHERE i.created_at > about.photos_seen AND i.created_at <= now()
    ORDER BY i.created_at LIMIT size * 10) p;
  UPDATE public.image_backfill_about SET looked_at = now(), photos_seen = COALESCE(photos_until, photos_seen),
    changes_seen = COALESCE(stamps[cardinality(stamps)], changes_seen), changes_seen_id = COALESCE(ids[cardinality(ids)], changes_seen_id);

  -- What has a time stamp to come, by a clock that is wrong, is looked at each time: it must not hide what comes after.
  PERFORM public.image_backfill_take_in(ARRAY(
    SELECT unnest(ids) UNION SELECT unnest(photos)
    UNION (
      SELECT f.vehicle_id FROM public.image_backfill_facts f
      WHERE f.changed_at BETWEEN about.looked_at - slack AND about.changes_seen ORDER BY f.changed_at DESC LIMIT size)
    UNION (SELECT f.vehicle_id FROM public.image_backfill_facts f WHERE f.changed_at > now() ORDER BY f.changed_at DESC LIMIT size)
    UNION (
      SELECT i.vehicle_id FROM public.image_backfill_photos i
      WHERE i.created_at BETWEEN about.looked_at - slack AND about.photos_seen ORDER BY i.created_at DESC LIMIT size * 10)
    UNION (SELECT i.vehicle_id FROM public.image_backfill_photos i WHERE i.created_at > now() ORDER BY i.created_at DESC LIMIT size)));
  IF (SELECT count(*) > 5000 FROM public.image_backfill_counts) THEN
    PERFORM public.image_backfill_fold_counts();
  END IF;
  PERFORM public.image_backfill_tidy_bookmarks();
  RETURN jsonb_build_object('more', COALESCE(cardinality(ids) = size, false), 'new', false, 'stale',
    about.deletions_seen <> public.image_backfill_deletions() OR COALESCE(cardinality(photos) = size * 10, false)
    OR NOT about.columns @> ARRAY['vehicles.updated_at', 'vehicle_images.created_at']
    OR EXISTS (
      SELECT FROM pg_catalog.pg_attribute t WHERE t.atttypid IN ('text'::regtype, 'varchar'::regtype)
        AND (t.attrelid, t.attname) IN (('public.vehicles'::regclass, 'updated_at'), ('public.vehicle_images'::regclass, 'created_at'))));
END $$;

-- Adds the changes of the summary up.
CREATE FUNCTION public.image_backfill_fold_counts() RETURNS void LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM public.image_backfill_counts RETURNING *)
  INSERT INTO public.image_backfill_counts
  SELECT organization_id, is_public, sum(vehicles), sum(needing), sum(backfilled), sum(ready), sum(partial), sum(parked),
    sum(empty), sum(marked), sum(legacy), sum(images_to_come)
  FROM gone GROUP BY organization_id, is_public HAVING sum(vehicles) <> 0
$$;
