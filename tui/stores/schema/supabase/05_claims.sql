-- Who is next, and for how long. A scope is {"organization_ids": [], "vehicle_ids": [], "include_private": false}; empty
-- lists mean all.

-- Claimable vehicles: the first of each organization, then the second of each, …
CREATE FUNCTION public.image_backfill_next(scope jsonb, skip integer, most integer)
RETURNS TABLE (vehicle_id uuid, rank bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
  organizations CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(scope->'organization_ids'));
  vehicles CONSTANT uuid[] := ARRAY(SELECT jsonb_array_elements_text(scope->'vehicle_ids'))::uuid[];
  private CONSTANT boolean := COALESCE((scope->>'include_private')::boolean, false);
BEGIN
  IF cardinality(vehicles) > 0 THEN
    RETURN QUERY
    SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
    WHERE j.vehicle_id = ANY (vehicles) AND j.open AND (j.wakes_at IS NULL OR j.wakes_at <= now())
      AND (j.is_public OR private) AND (organizations = '{}' OR j.organization_id = ANY (organizations))
    ORDER BY j.rank, j.vehicle_id OFFSET skip LIMIT most;
  ELSIF cardinality(organizations) > 0 THEN
    RETURN QUERY
    SELECT found.vehicle_id, found.rank FROM (
      SELECT first.* FROM (SELECT DISTINCT unnest(organizations) AS id) o
      CROSS JOIN LATERAL (
        (SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
          WHERE j.organization_id = o.id AND j.is_public AND j.open AND j.wakes_at IS NULL ORDER BY j.rank, j.vehicle_id LIMIT skip + most)
        UNION ALL
        (SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
          WHERE private AND j.organization_id = o.id AND NOT j.is_public AND j.open AND j.wakes_at IS NULL ORDER BY j.rank, j.vehicle_id LIMIT skip + most)) first
      UNION ALL
      SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
      WHERE j.wakes_at <= now() AND j.open AND (j.is_public OR private) AND j.organization_id = ANY (organizations)) found
    ORDER BY found.rank, found.vehicle_id OFFSET skip LIMIT most;
  ELSE
    RETURN QUERY
    SELECT found.vehicle_id, found.rank FROM (
      (SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
        WHERE j.is_public AND j.open AND j.wakes_at IS NULL ORDER BY j.rank, j.vehicle_id LIMIT skip + most)
      UNION ALL
      (SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
        WHERE private AND NOT j.is_public AND j.open AND j.wakes_at IS NULL ORDER BY j.rank, j.vehicle_id LIMIT skip + most)
      UNION ALL
      SELECT j.vehicle_id, j.rank FROM public.image_backfill_jobs j
      WHERE j.wakes_at <= now() AND j.open AND (j.is_public OR private)) found
    ORDER BY found.rank, found.vehicle_id OFFSET skip LIMIT most;
  END IF;
END $$;

-- Locks up to `most` claimable vehicles that nobody else is about to claim; their keys.
CREATE FUNCTION public.image_backfill_lock_next(scope jsonb, most integer) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
  everything CONSTANT boolean := scope->'organization_ids' = '[]' AND scope->'vehicle_ids' = '[]'
    AND NOT COALESCE((scope->>'include_private')::boolean, false);
  candidates uuid[];
  taken uuid[];
  width integer := most;
BEGIN
  IF everything THEN
    taken := ARRAY(
      SELECT j.vehicle_id FROM public.image_backfill_jobs j WHERE j.is_public AND j.open AND j.wakes_at IS NULL
      ORDER BY j.rank, j.vehicle_id LIMIT most FOR UPDATE SKIP LOCKED);
    IF taken <> '{}' THEN
      RETURN taken;
    END IF;
  END IF;
  LOOP
    candidates := ARRAY(SELECT n.vehicle_id FROM public.image_backfill_next(scope, 0, width) n);
    taken := ARRAY(
      SELECT j.vehicle_id FROM public.image_backfill_jobs j
      WHERE j.vehicle_id = ANY (candidates) AND j.open AND (j.wakes_at IS NULL OR j.wakes_at <= now())
      ORDER BY j.rank, j.vehicle_id LIMIT most FOR UPDATE SKIP LOCKED);
    IF taken <> '{}' OR candidates = '{}' THEN
      RETURN taken;
    END IF;
    IF cardinality(candidates) < width THEN
      -- Somebody else is at every single one. One wait, holding nothing, tells whether he takes it or leaves it.
      PERFORM FROM public.image_backfill_jobs j WHERE j.vehicle_id = candidates[1] FOR UPDATE;
    END IF;
    width := least(width * 4, 100000);
  END LOOP;
END $$;

-- Leases up to `most` vehicles to a worker for `ttl` seconds: a list of leases, [] when none is claimable. `token` fences
-- them all; asked for again with the same one, after an answer got lost, it gives what it gave.
CREATE FUNCTION public.image_backfill_claim(
  scope jsonb, most integer, worker text, run_id text, ttl double precision, token uuid DEFAULT gen_random_uuid()
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
  held uuid[];
  claimant CONSTANT text := worker;
  run CONSTANT text := run_id;
  key CONSTANT uuid := token;
  organizations CONSTANT text[] := ARRAY(SELECT jsonb_array_elements_text(scope->'organization_ids'));
BEGIN
  PERFORM pg_advisory_xact_lock(7305174, hashtext(key::text));
  SELECT array_agg(j.vehicle_id) INTO held FROM public.image_backfill_jobs j
  WHERE j.worker = claimant AND j.lease_token = key AND j.lease_until > clock_timestamp();
  IF held IS NOT NULL THEN
    RETURN public.image_backfill_leases(held);
  END IF;
  -- What waited long enough, and what workers held who are gone.
  IF EXISTS (SELECT FROM public.image_backfill_jobs w WHERE w.wakes_at <= now()) THEN
    UPDATE public.image_backfill_jobs j
    SET lease_token = NULL, lease_until = NULL, lease_gallery = NULL, worker = NULL, run_id = NULL, retry_at = NULL
    WHERE j.vehicle_id IN (
      SELECT w.vehicle_id FROM public.image_backfill_jobs w WHERE w.wakes_at <= now() ORDER BY w.wakes_at LIMIT 500 FOR UPDATE SKIP LOCKED);
  END IF;
  LOOP
    ids := public.image_backfill_lock_next(scope, most);
    EXIT WHEN ids = '{}';
    -- The sidecar may be behind the rows: what is leased is checked against them.
    PERFORM public.image_backfill_take_in(ids);
    PERFORM public.image_backfill_heed(ids);
    WITH leased AS (
      UPDATE public.image_backfill_jobs j SET lease_token = key,
        lease_until = clock_timestamp() + make_interval(secs => ttl), lease_gallery = j.gallery, worker = claimant, run_id = run, retry_at = NULL
      WHERE j.vehicle_id = ANY (ids) AND j.open AND (j.wakes_at IS NULL OR j.wakes_at <= now())
        AND (j.is_public OR COALESCE((scope->>'include_private')::boolean, false))
        AND (organizations = '{}' OR j.organization_id = ANY (organizations))
      RETURNING j.vehicle_id)
    SELECT array_agg(l.vehicle_id) INTO held FROM leased l;
    EXIT WHEN held IS NOT NULL;
  END LOOP;
  RETURN public.image_backfill_leases(held);
END $$;

-- What a claim would give, unclaimed.
CREATE FUNCTION public.image_backfill_peek(scope jsonb, skip integer, most integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT public.image_backfill_leases(ARRAY(SELECT n.vehicle_id FROM public.image_backfill_next(scope, skip, most) n))
$$;

-- Vehicles with all that a worker needs to know, in claiming order; the hosts follow from the metadata. In PL/pgSQL, which
-- keeps its plans: to plan this takes longer than to do it.
CREATE FUNCTION public.image_backfill_leases(ids uuid[]) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT COALESCE(jsonb_agg(jsonb_build_object(
    'vehicle', jsonb_build_object('id', l.id, 'title', l.title, 'organization_id', l.organization_id, 'organization_name', l.organization_name,
      'state', l.state, 'open', l.open, 'is_public', l.is_public, 'url_count', l.url_count, 'stored', l.stored, 'reason', l.reason,
      'retry_in', l.retry_in, 'leased_by', l.leased_by),
    'token', j.lease_token,
    'metadata', jsonb_build_object('image_urls', v.origin_metadata->'image_urls', 'images', v.origin_metadata->'images'),
    'outcomes', CASE WHEN EXISTS (SELECT FROM public.image_backfill_outcomes o WHERE o.vehicle_id = l.id)
      THEN public.image_backfill_outcomes_of(l.id) ELSE '[]' END,
    'photos', CASE WHEN l.stored > 0 THEN public.image_backfill_photos_of(l.id) ELSE '[]' END
  ) ORDER BY j.rank, j.vehicle_id), '[]')
  FROM public.image_backfill_lines l JOIN public.image_backfill_jobs j ON j.vehicle_id = l.id JOIN public.vehicles v ON v.id = l.id
  WHERE l.id = ANY (ids));
END $$;

CREATE FUNCTION public.image_backfill_outcomes_of(vehicle uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(jsonb_build_object(
    'source_url', o.source_url, 'host', o.host, 'result', o.result, 'reason', o.reason, 'detail', o.detail, 'attempts', o.attempts,
    'retry_in', extract(epoch FROM o.retry_at - clock_timestamp())) ORDER BY o.at, o.url_key), '[]')
  FROM public.image_backfill_outcomes o WHERE o.vehicle_id = vehicle
$$;

CREATE FUNCTION public.image_backfill_photos_of(vehicle uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(to_jsonb(p) ORDER BY p.position, p.created_at, p.id), '[]')
  FROM public.image_backfill_photos p WHERE p.vehicle_id = vehicle
$$;

-- Claimable vehicles and the images that they have to come, each gallery cut at the cap.
CREATE FUNCTION public.image_backfill_workload(scope jsonb, cap integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('vehicles', count(*), 'images', COALESCE(sum(greatest(least(j.url_count, cap) - j.finals, 0)), 0))
  FROM public.image_backfill_jobs j
  WHERE j.open AND (j.wakes_at IS NULL OR j.wakes_at <= now())
    AND (j.is_public OR COALESCE((scope->>'include_private')::boolean, false))
    AND (scope->'organization_ids' = '[]' OR j.organization_id IN (SELECT jsonb_array_elements_text(scope->'organization_ids')))
    AND (scope->'vehicle_ids' = '[]' OR j.vehicle_id IN (SELECT jsonb_array_elements_text(scope->'vehicle_ids')::uuid))
$$;

-- The same for the first `most` vehicles to be claimed, by organization: [{"organization_id", "vehicles", "images"}]
CREATE FUNCTION public.image_backfill_workload_by_organization(scope jsonb, cap integer, most integer)
RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(to_jsonb(w)), '[]') FROM (
    SELECT j.organization_id, count(*) AS vehicles, sum(greatest(least(j.url_count, cap) - j.finals, 0)) AS images
    FROM public.image_backfill_next(scope, 0, most) n JOIN public.image_backfill_jobs j USING (vehicle_id)
    GROUP BY j.organization_id) w
$$;

-- Prolongs live leases, [{"vehicle_id", "token"}], to `ttl` seconds from now; the vehicles whose lease is lost.
CREATE FUNCTION public.image_backfill_heartbeat(leases jsonb, ttl double precision) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  lost jsonb;
BEGIN
  PERFORM FROM public.image_backfill_jobs j
  WHERE j.vehicle_id IN (SELECT (l->>'vehicle_id')::uuid FROM jsonb_array_elements(leases) l) ORDER BY j.vehicle_id FOR UPDATE;
  WITH alive AS (
    UPDATE public.image_backfill_jobs j SET lease_until = clock_timestamp() + make_interval(secs => ttl)
    FROM jsonb_array_elements(leases) l
    WHERE j.vehicle_id = (l->>'vehicle_id')::uuid AND j.lease_token = (l->>'token')::uuid AND j.lease_until > clock_timestamp()
      AND EXISTS (SELECT FROM public.vehicles v WHERE v.id = j.vehicle_id)
    RETURNING j.vehicle_id, j.lease_token)
  SELECT COALESCE(jsonb_agg(l->>'vehicle_id'), '[]') INTO lost FROM jsonb_array_elements(leases) l
  WHERE NOT EXISTS (
    SELECT FROM alive a WHERE a.vehicle_id = (l->>'vehicle_id')::uuid AND a.lease_token = (l->>'token')::uuid);
  RETURN lost;
END $$;

-- The gate before every write of a worker; holds the job, and keeps the vehicle from going, until the end of the
-- transaction.
CREATE FUNCTION public.image_backfill_fence(vehicle uuid, token uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM public.image_backfill_jobs j
  WHERE j.vehicle_id = vehicle AND j.lease_token = token AND j.lease_until > clock_timestamp() FOR UPDATE;
  IF FOUND THEN
    PERFORM FROM public.vehicles v WHERE v.id = vehicle FOR KEY SHARE;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease on vehicle % is lost', vehicle USING ERRCODE = 'BF001';
  END IF;
END $$;
