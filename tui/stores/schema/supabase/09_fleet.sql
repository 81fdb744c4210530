-- Runs, the workers that have a share in them, and what is wanted of them.

-- The live workers of a run but for one: those that have not ended and told something lately.
CREATE FUNCTION public.image_backfill_live_workers(run text, but text DEFAULT '') RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::int FROM public.image_backfill_shares s
  WHERE s.run_id = run AND s.worker <> but AND s.ended_at IS NULL AND s.seen_at > clock_timestamp() - interval '12 seconds'
$$;

-- Writes a worker's share, {"run_id", "worker", "scope", "started_at", "ended_at", "phase", …}, and answers what is wanted
-- of it: {"wish", "workers"}. Reports may overtake each other: what has ended is never alive again.
CREATE FUNCTION public.image_backfill_report(share jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  run CONSTANT text := share->>'run_id';
BEGIN
  INSERT INTO public.image_backfill_runs (run_id, scope, started_at)
  VALUES (run, share->>'scope', to_timestamp((share->>'started_at')::float8)) ON CONFLICT (run_id) DO NOTHING;
  INSERT INTO public.image_backfill_shares AS known (run_id, worker, started_at, seen_at, ended_at, phase, told)
  VALUES (run, share->>'worker', to_timestamp((share->>'started_at')::float8), clock_timestamp(),
    to_timestamp((share->>'ended_at')::float8), share->>'phase', share)
  ON CONFLICT (run_id, worker) DO UPDATE SET started_at = excluded.started_at, seen_at = excluded.seen_at, ended_at = excluded.ended_at,
    phase = excluded.phase, told = excluded.told
  WHERE known.ended_at IS NULL OR excluded.ended_at IS NOT NULL;
  -- Workers that nobody looks at tidy up what they leave.
  PERFORM public.image_backfill_tidy_bookmarks();
  RETURN jsonb_build_object('wish', (SELECT r.wish FROM public.image_backfill_runs r WHERE r.run_id = run),
    'workers', 1 + public.image_backfill_live_workers(run, share->>'worker'));
END $$;

-- The run that a new worker becomes a part of: a live one over the same scope, else its own.
CREATE FUNCTION public.image_backfill_join(share jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  joined text;
BEGIN
  PERFORM pg_advisory_xact_lock(7305174, 2);
  SELECT r.run_id INTO joined FROM public.image_backfill_runs r
  JOIN public.image_backfill_shares s ON s.run_id = r.run_id AND s.ended_at IS NULL AND s.seen_at > clock_timestamp() - interval '12 seconds'
  WHERE r.scope = share->>'scope' AND r.wish <> 'stop' ORDER BY r.started_at, r.run_id LIMIT 1;
  joined := COALESCE(joined, share->>'run_id');
  PERFORM public.image_backfill_report(jsonb_set(share, '{run_id}', to_jsonb(joined)));
  RETURN joined;
END $$;

-- Wants something of every worker of a run: run, pause or stop, which is for good.
CREATE FUNCTION public.image_backfill_direct(run text, wanted text) RETURNS void LANGUAGE sql AS $$
  UPDATE public.image_backfill_runs SET wish = wanted WHERE run_id = run AND wish <> 'stop'
$$;

-- The shares of the newest runs, those of one run together: [{…the share as told…, "wish", "silent": seconds since it told}]
CREATE FUNCTION public.image_backfill_runs_told(most integer DEFAULT 50) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(s.told || jsonb_build_object('wish', r.wish, 'silent', extract(epoch FROM clock_timestamp() - s.seen_at))
    ORDER BY r.started_at DESC, r.run_id, s.started_at, s.worker), '[]')
  FROM (SELECT * FROM public.image_backfill_runs n ORDER BY n.started_at DESC, n.run_id LIMIT most) r
  JOIN public.image_backfill_shares s USING (run_id)
$$;

-- The workers that have not ended, with what they hold: the same, and "holding", "titles"
CREATE FUNCTION public.image_backfill_fleet() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT COALESCE(jsonb_agg(s.told || jsonb_build_object('wish', r.wish, 'silent', extract(epoch FROM clock_timestamp() - s.seen_at),
    'holding', held.holding, 'titles', held.titles) ORDER BY r.started_at DESC, r.run_id, s.started_at, s.worker), '[]')
  FROM public.image_backfill_shares s JOIN public.image_backfill_runs r USING (run_id)
  CROSS JOIN LATERAL (
    SELECT count(*) AS holding, COALESCE(to_jsonb((array_agg(j.title ORDER BY j.rank, j.vehicle_id))[1:3]), '[]') AS titles
    FROM public.image_backfill_jobs j
    WHERE j.worker = s.worker AND j.run_id = s.run_id AND j.lease_until > clock_timestamp()) held
  WHERE s.ended_at IS NULL AND s.seen_at > clock_timestamp() - interval '10 minutes'
$$;

-- What the doctor asks: {"version", "source", "organizations", "now", "columns_current", "statement_timeout", "indexes": {name: whether it is there}, …}
CREATE FUNCTION public.image_backfill_health() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('version', a.version, 'source', a.source,
    'organizations', a.organizations, 'now', extract(epoch FROM clock_timestamp()),
    'synced_at', extract(epoch FROM a.synced_at), 'statement_timeout', current_setting('statement_timeout'), 'role', current_user,
    'columns_current', a.columns = ARRAY(
      SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c
      WHERE c.table_schema = 'public' AND c.table_name || '.' || c.column_name IN (
        SELECT unnest(a.columns) UNION SELECT c2.table_name || '.' || c2.column_name FROM information_schema.columns c2
        WHERE c2.table_schema = 'public' AND c2.table_name IN (SELECT split_part(unnest(a.columns), '.', 1)))
      ORDER BY c.table_name, c.column_name),
    'vehicles', (SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = 'public.vehicles'::regclass),
    'indexes', jsonb_build_object(
      'images of a vehicle', EXISTS (
        SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_attribute t ON t.attrelid = x.indrelid AND t.attnum = x.indkey[0]
        WHERE x.indrelid = 'public.vehicle_images'::regclass AND t.attname = 'vehicle_id' AND x.indpred IS NULL AND x.indisvalid),
      'the same bytes once in a vehicle', EXISTS (
        SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = 'public.vehicle_images'::regclass AND x.indisunique AND x.indisvalid
          AND pg_get_indexdef(x.indexrelid) LIKE '%(vehicle_id, file_hash)%'),
      'one primary image in a vehicle', EXISTS (
        SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = 'public.vehicle_images'::regclass AND x.indisunique AND x.indisvalid
          AND pg_get_indexdef(x.indexrelid) LIKE '%(vehicle_id)%is_primary%')))
  FROM public.image_backfill_about a
$$;

CREATE FUNCTION public.image_backfill_version() RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT version FROM public.image_backfill_about
$$;
