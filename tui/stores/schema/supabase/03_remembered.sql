-- What programs remember in a vehicle's own row, in origin_metadata.image_backfill, while this is not installed. It is
-- taken over once, when the vehicle becomes known here, and is taken out of the row as soon as something newer is decided
-- here: so nothing that is out of date comes back once this is removed.

-- A number that can be a count or seconds since the epoch; NULL for anything else.
CREATE FUNCTION public.image_backfill_number(told jsonb) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(told) = 'number' THEN CASE WHEN told::numeric BETWEEN 0 AND 1e11 THEN told::float8 END END
$$;

-- Takes over what is remembered of vehicles whose jobs are new.
CREATE FUNCTION public.image_backfill_recall(vehicles uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.image_backfill_outcomes (vehicle_id, source_url, host, result, reason, detail, attempts, retry_at)
  SELECT v.id, o.url, COALESCE(o.said->>'host',
      substring(lower(o.url) FROM '^\s*(?:[a-z][a-z0-9+.-]*:)?//(?:[^/?#]*@)?\[?((?<=\[)[^]/?#]*|[^]/?#:]*)'), ''),
    o.said->>'result', o.said->>'reason', COALESCE(o.said->>'detail', ''),
    least(COALESCE(public.image_backfill_number(o.said->'attempts'), 0), 1000)::int, to_timestamp(public.image_backfill_number(o.said->'retry_at'))
  FROM public.vehicles v CROSS JOIN LATERAL (SELECT v.origin_metadata #> '{image_backfill,outcomes}' AS told) r
  CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(r.told) WHEN 'object' THEN r.told ELSE '{}' END) AS o (url, said)
  WHERE v.id = ANY (vehicles) AND o.said->>'result' IN ('stored', 'duplicate', 'refused', 'deferred')
    AND (o.said->>'result' IN ('stored', 'duplicate') OR o.said->>'reason' IS NOT NULL)
  ON CONFLICT DO NOTHING;
  UPDATE public.image_backfill_jobs j SET
    parked = j.ours = 0 AND r.told->'parked' IS NOT DISTINCT FROM 'true'::jsonb AND r.lasts,
    retry_at = CASE WHEN r.lasts THEN to_timestamp(public.image_backfill_number(r.told->'retry_at')) END,
    finals = (SELECT count(*) FROM public.image_backfill_outcomes o WHERE o.vehicle_id = j.vehicle_id AND o.result <> 'deferred')
  FROM (
    -- It speaks of the gallery that has this digest.
    SELECT v.id, v.origin_metadata->'image_backfill' AS told, COALESCE(v.origin_metadata #>> '{image_backfill,gallery}' = left(encode(sha256(convert_to(
      public.image_backfill_urls(COALESCE(NULLIF(v.origin_metadata->'image_urls', 'null'::jsonb), v.origin_metadata->'images'))::text, 'UTF8')), 'hex'), 16), false) AS lasts
    FROM public.vehicles v WHERE v.id = ANY (vehicles)) r
  WHERE j.vehicle_id = r.id AND j.lease_token IS NULL AND j.settled_token IS NULL;
  PERFORM public.image_backfill_heed(vehicles);
END $$;

-- Holds back what a worker that began without this still has a lease on. It may be two seconds behind the database's time.
CREATE FUNCTION public.image_backfill_heed(vehicles uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.vehicles v WHERE v.id = ANY (vehicles) AND v.origin_metadata ? 'image_backfill') THEN
    UPDATE public.image_backfill_jobs j SET
      lease_token = NULL, lease_until = held.until, worker = held.lease->>'worker', run_id = held.lease->>'run'
    FROM (
      SELECT v.id, v.origin_metadata #> '{image_backfill,lease}' AS lease,
        to_timestamp(public.image_backfill_number(v.origin_metadata #> '{image_backfill,lease,until}') + 2) AS until
      FROM public.vehicles v WHERE v.id = ANY (vehicles)) held
    WHERE j.vehicle_id = held.id AND held.until > clock_timestamp() AND (j.lease_token IS NULL OR j.lease_until <= clock_timestamp());
  END IF;
END $$;
