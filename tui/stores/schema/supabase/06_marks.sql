-- What a worker writes under its lease, and what an operator takes back.

-- The row of an image; false when the vehicle has these bytes or this URL already. Said again after an answer got lost,
-- it answers the same.
CREATE FUNCTION public.image_backfill_record(vehicle uuid, token uuid, image jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  known record;
  written boolean;
BEGIN
  PERFORM public.image_backfill_fence(vehicle, token);
  SELECT p.source_url, p.file_hash, p.image_url INTO known FROM public.image_backfill_photos p
  WHERE p.vehicle_id = vehicle AND (p.file_hash = image->>'file_hash' OR p.source_url = image->>'source_url' OR p.image_url = image->>'image_url')
  ORDER BY (p.source_url = image->>'source_url') IS TRUE DESC LIMIT 1;
  IF FOUND THEN
    RETURN known.image_url = image->>'image_url' AND COALESCE(known.file_hash = image->>'file_hash', true)
      AND COALESCE(known.source_url = image->>'source_url', true);
  END IF;
  PERFORM public.image_backfill_insert_photo(vehicle, image);
  SELECT count(*) > 0 INTO written FROM public.image_backfill_photos p WHERE p.vehicle_id = vehicle AND p.image_url = image->>'image_url';
  UPDATE public.image_backfill_jobs j SET stored = f.stored, ours = f.ours
  FROM public.image_backfill_facts f WHERE f.vehicle_id = vehicle AND j.vehicle_id = vehicle;
  RETURN written;
END $$;

-- Remembers outcomes, the last word on each URL, sees to the primary image, ends the lease: behind complete, fail and
-- release. `retry_in`: seconds until the vehicle, or in `outcomes` the URL, may be tried again. Said again after an answer got lost, even while it is still at it, it does nothing more.
CREATE FUNCTION public.image_backfill_settle(
  vehicle uuid, token uuid, outcomes jsonb, run text, completed boolean, failed boolean, retry_in double precision
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  at CONSTANT timestamptz := clock_timestamp();
  ended uuid;
  grown boolean;
  has_images boolean;
  metadata jsonb;
BEGIN
  SELECT j.settled_token INTO ended FROM public.image_backfill_jobs j WHERE j.vehicle_id = vehicle FOR UPDATE;
  IF ended = token THEN
    RETURN;
  END IF;
  PERFORM public.image_backfill_fence(vehicle, token);
  INSERT INTO public.image_backfill_outcomes AS known (vehicle_id, source_url, host, result, reason, detail, attempts, retry_at, run_id)
  SELECT DISTINCT ON (o.said->>'source_url') vehicle, o.said->>'source_url', o.said->>'host', o.said->>'result', o.said->>'reason',
    COALESCE(o.said->>'detail', ''), COALESCE((o.said->>'attempts')::int, 0), at + make_interval(secs => (o.said->>'retry_in')::float8), run
  FROM jsonb_array_elements(outcomes) WITH ORDINALITY AS o (said, place) ORDER BY o.said->>'source_url', o.place DESC
  ON CONFLICT (vehicle_id, url_key) DO UPDATE SET host = excluded.host, result = excluded.result, reason = excluded.reason,
    detail = excluded.detail, attempts = excluded.attempts, retry_at = excluded.retry_at, run_id = excluded.run_id, at = excluded.at;

  has_images := public.image_backfill_choose_primary(vehicle);
  IF completed AND NOT has_images THEN
    RAISE EXCEPTION 'vehicle % cannot be marked as backfilled: it has no image', vehicle USING ERRCODE = 'BF002';
  END IF;
  -- The row is locked before its gallery is looked at: whoever extends it does so before or after the mark.
  SELECT v.origin_metadata INTO metadata FROM public.vehicles v WHERE v.id = vehicle FOR NO KEY UPDATE;
  SELECT j.lease_gallery <> public.image_backfill_digest(metadata) INTO grown FROM public.image_backfill_jobs j WHERE j.vehicle_id = vehicle;
  -- A worker without this may have written an image after it had lost its lease.
  failed := failed AND NOT grown AND NOT EXISTS (SELECT FROM public.image_backfill_facts f WHERE f.vehicle_id = vehicle AND f.ours > 0);
  IF completed AND NOT grown THEN
    PERFORM public.image_backfill_write_metadata(vehicle, jsonb_build_object('images_backfilled', true,
      'images_backfilled_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), ARRAY['image_backfill']);
  ELSIF metadata ? 'image_backfill' THEN
    PERFORM public.image_backfill_write_metadata(vehicle, '{}', ARRAY['image_backfill']);
  END IF;
  UPDATE public.image_backfill_jobs j SET
    parked = failed, marked = j.marked OR (completed AND NOT grown), retry_at = at + make_interval(secs => retry_in),
    finals = (SELECT count(*) FROM public.image_backfill_outcomes o WHERE o.vehicle_id = vehicle AND o.result <> 'deferred'),
    lease_token = NULL, lease_until = NULL, lease_gallery = NULL, worker = NULL, run_id = NULL, settled_token = token
  WHERE j.vehicle_id = vehicle;
END $$;

-- Every candidate is final and an image is there: marks the vehicle as backfilled.
CREATE FUNCTION public.image_backfill_complete(vehicle uuid, token uuid, outcomes jsonb DEFAULT '[]', run_id text DEFAULT '')
RETURNS void LANGUAGE sql AS $$ SELECT public.image_backfill_settle(vehicle, token, outcomes, run_id, true, false, NULL) $$;

-- Every candidate was refused for good: parks the vehicle until an operator retries it.
CREATE FUNCTION public.image_backfill_fail(vehicle uuid, token uuid, outcomes jsonb DEFAULT '[]', run_id text DEFAULT '')
RETURNS void LANGUAGE sql AS $$ SELECT public.image_backfill_settle(vehicle, token, outcomes, run_id, false, true, NULL) $$;

-- There is more to do: the vehicle may be claimed again, at once or after some seconds.
CREATE FUNCTION public.image_backfill_release(
  vehicle uuid, token uuid, outcomes jsonb DEFAULT '[]', run_id text DEFAULT '', retry_in double precision DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
  SELECT public.image_backfill_settle(vehicle, token, outcomes, run_id, false, false, retry_in)
$$;

-- Refused and deferred candidates by host and reason, the largest group first.
CREATE FUNCTION public.image_backfill_refusals() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(to_jsonb(g) ORDER BY g.images DESC, g.host, g.reason), '[]') FROM (
    SELECT o.host, o.reason, count(*) AS images, count(DISTINCT o.vehicle_id) AS vehicles, min(o.source_url) AS example_url,
      extract(epoch FROM min(o.retry_at) - clock_timestamp()) AS retry_in
    FROM public.image_backfill_outcomes o WHERE o.result IN ('refused', 'deferred') AND o.reason IS NOT NULL
    GROUP BY o.host, o.reason) g
$$;

-- Forgets matching refusals (NULL matches all) that were there at `began`, and frees their vehicles: a part of them.
-- Answers {"vehicles": how many were freed, "began", "more": whether to ask again}
CREATE FUNCTION public.image_backfill_retry(
  for_host text DEFAULT NULL, for_reason text DEFAULT NULL, began timestamptz DEFAULT now(), size integer DEFAULT 2000
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
  found integer;
BEGIN
  SELECT COALESCE(array_agg(DISTINCT m.vehicle_id), '{}'), count(*) INTO ids, found FROM (
    SELECT o.vehicle_id FROM public.image_backfill_outcomes o WHERE o.result IN ('refused', 'deferred') AND o.at <= began
      AND (for_host IS NULL OR o.host = for_host) AND (for_reason IS NULL OR o.reason = for_reason) LIMIT size) m;
  -- Jobs are locked before what belongs to them, by whoever writes.
  PERFORM FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (ids) ORDER BY j.vehicle_id FOR UPDATE;
  DELETE FROM public.image_backfill_outcomes o WHERE o.vehicle_id = ANY (ids) AND o.result IN ('refused', 'deferred')
    AND (for_host IS NULL OR o.host = for_host) AND (for_reason IS NULL OR o.reason = for_reason);
  RETURN jsonb_build_object('vehicles', public.image_backfill_reopen(ids), 'began', began, 'more', found = size);
END $$;

-- Forgets the refusals of these vehicles; how many had any, were parked or waited.
CREATE FUNCTION public.image_backfill_unpark(vehicles uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ids CONSTANT uuid[] := ARRAY(
    SELECT j.vehicle_id FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (vehicles) AND (
      j.parked OR j.retry_at IS NOT NULL OR EXISTS (
        SELECT FROM public.image_backfill_outcomes o WHERE o.vehicle_id = j.vehicle_id AND o.result IN ('refused', 'deferred'))));
BEGIN
  PERFORM FROM public.image_backfill_jobs j WHERE j.vehicle_id = ANY (ids) ORDER BY j.vehicle_id FOR UPDATE;
  DELETE FROM public.image_backfill_outcomes o WHERE o.vehicle_id = ANY (ids) AND o.result IN ('refused', 'deferred');
  RETURN public.image_backfill_reopen(ids);
END $$;

-- Frees vehicles whose jobs the caller has locked; how many.
CREATE FUNCTION public.image_backfill_reopen(ids uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  changed integer;
BEGIN
  -- A marked vehicle has candidates without an outcome again, so its mark would not be true.
  PERFORM public.image_backfill_write_metadata(j.vehicle_id, '{}', ARRAY['images_backfilled', 'images_backfilled_at', 'image_backfill'])
  FROM public.image_backfill_jobs j JOIN public.vehicles v ON v.id = j.vehicle_id
  WHERE j.vehicle_id = ANY (ids) AND (j.marked OR v.origin_metadata ? 'image_backfill');
  UPDATE public.image_backfill_jobs j SET parked = false, retry_at = NULL, marked = false,
    finals = (SELECT count(*) FROM public.image_backfill_outcomes o WHERE o.vehicle_id = j.vehicle_id AND o.result <> 'deferred')
  WHERE j.vehicle_id = ANY (ids);
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END $$;
