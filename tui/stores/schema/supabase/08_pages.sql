-- What the screens ask.

-- Vehicles as lists show them. `reason`: the most common one why it is parked. `retry_in`: seconds, null when it waits
-- for nothing. `hosts`: those of its gallery, each once, in order.
CREATE VIEW public.image_backfill_lines WITH (security_invoker = true) AS
SELECT j.vehicle_id AS id, j.title, NULLIF(j.organization_id, '') AS organization_id,
  (SELECT d.name FROM public.image_backfill_dealers d WHERE d.id = j.organization_id LIMIT 1) AS organization_name,
  (ARRAY['ready', 'partial', 'parked', 'backfilled', 'empty', 'has_images', 'no_urls'])[j.state + 1] AS state,
  j.open, j.is_public, j.url_count, j.stored,
  CASE WHEN j.state = 2 THEN (
    SELECT o.reason FROM public.image_backfill_outcomes o WHERE o.vehicle_id = j.vehicle_id AND o.result = 'refused'
    GROUP BY o.reason ORDER BY count(*) DESC, o.reason LIMIT 1) END AS reason,
  CASE WHEN j.retry_at > clock_timestamp() THEN extract(epoch FROM j.retry_at - clock_timestamp()) END AS retry_in,
  CASE WHEN j.lease_until > clock_timestamp() THEN j.worker END AS leased_by,
  COALESCE((
    SELECT jsonb_agg(h.host ORDER BY h.place) FROM (
      SELECT lower(CASE WHEN a.named LIKE '[%' THEN split_part(substr(a.named, 2), ']', 1) ELSE split_part(a.named, ':', 1) END) AS host,
        min(u.place) AS place
      FROM (SELECT COALESCE(NULLIF(v.origin_metadata->'image_urls', 'null'::jsonb), v.origin_metadata->'images') AS urls) g
      CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(g.urls) WHEN 'array' THEN g.urls ELSE public.image_backfill_urls(g.urls) END)
        WITH ORDINALITY AS u (url, place)
      CROSS JOIN LATERAL (
        SELECT split_part(CASE WHEN u.url #>> '{}' LIKE 'http://%' OR u.url #>> '{}' LIKE 'https://%' -- most of them, in a third of the time
          THEN split_part(split_part(split_part(split_part(u.url #>> '{}', '://', 2), '/', 1), '?', 1), '#', 1)
          ELSE substring(u.url #>> '{}' FROM '^\s*(?:[[:alpha:]][[:alnum:]+.-]*:)?//([^/?#]*)') END, '@', -1) AS named) a
      WHERE jsonb_typeof(u.url) = 'string' GROUP BY 1) h
    WHERE h.host <> ''), '[]') AS hosts
FROM public.image_backfill_jobs j JOIN public.vehicles v ON v.id = j.vehicle_id;

CREATE FUNCTION public.image_backfill_vehicle(vehicle uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT to_jsonb(l) FROM public.image_backfill_lines l WHERE l.id = vehicle
$$;

-- The sums of the summary: of one organization ('' for none), or of all for NULL.
CREATE FUNCTION public.image_backfill_totals(organization text DEFAULT NULL) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT to_jsonb(t) FROM (
    SELECT COALESCE(sum(c.vehicles), 0) AS vehicles, COALESCE(sum(c.needing), 0) AS needing, COALESCE(sum(c.backfilled), 0) AS backfilled,
      COALESCE(sum(c.ready), 0) AS ready, COALESCE(sum(c.partial), 0) AS partial, COALESCE(sum(c.parked), 0) AS parked,
      COALESCE(sum(c.empty), 0) AS empty, COALESCE(sum(c.marked), 0) AS marked, COALESCE(sum(c.legacy), 0) AS legacy,
      COALESCE(sum(c.images_to_come), 0) AS images_to_come
    FROM public.image_backfill_counts c WHERE c.is_public AND (organization IS NULL OR c.organization_id = organization)) t
$$;

-- A page of organizations with their counts: {"total", "rows"}. Vehicles of no organization, or of one without a row,
-- must not drop out of sight.
CREATE FUNCTION public.image_backfill_organizations(
  wanted text DEFAULT '', sort text DEFAULT 'needing', descending boolean DEFAULT true, skip integer DEFAULT 0, most integer DEFAULT 100
) RETURNS jsonb LANGUAGE sql STABLE AS $$
  WITH counted AS MATERIALIZED (
    SELECT c.organization_id, sum(c.vehicles) AS in_all, sum(c.vehicles) FILTER (WHERE c.is_public) AS vehicles,
      sum(c.needing) FILTER (WHERE c.is_public) AS needing, sum(c.backfilled) FILTER (WHERE c.is_public) AS backfilled,
      sum(c.ready) FILTER (WHERE c.is_public) AS ready, sum(c.partial) FILTER (WHERE c.is_public) AS partial,
      sum(c.parked) FILTER (WHERE c.is_public) AS parked, sum(c.empty) FILTER (WHERE c.is_public) AS empty,
      sum(c.marked) FILTER (WHERE c.is_public) AS marked, sum(c.legacy) FILTER (WHERE c.is_public) AS legacy,
      sum(c.images_to_come) FILTER (WHERE c.is_public) AS images_to_come
    FROM public.image_backfill_counts c GROUP BY c.organization_id),
  named AS (
    SELECT d.id, d.name, d.website FROM public.image_backfill_dealers d
    UNION ALL
    SELECT k.organization_id, CASE k.organization_id WHEN '' THEN 'No organization' ELSE k.organization_id END, NULL
    FROM counted k WHERE k.in_all > 0 AND NOT EXISTS (SELECT FROM public.image_backfill_dealers d WHERE d.id = k.organization_id)),
  found AS (
    SELECT n.id, n.name, n.website, k.* FROM named n LEFT JOIN counted k ON k.organization_id = n.id
    WHERE position(lower(wanted) IN lower(n.name)) > 0)
  SELECT jsonb_build_object('total', (SELECT count(*) FROM found), 'rows', COALESCE((
    SELECT jsonb_agg(to_jsonb(p) - 'organization_id' - 'in_all' - 'place' ORDER BY p.place) FROM (
      SELECT f.*, row_number() OVER (ORDER BY
        CASE WHEN sort = 'name' AND NOT descending THEN lower(f.name) COLLATE "C" END,
        CASE WHEN sort = 'name' AND descending THEN lower(f.name) COLLATE "C" END DESC,
        CASE WHEN descending THEN -1 ELSE 1 END * CASE sort WHEN 'needing' THEN COALESCE(f.needing, 0) WHEN 'partial' THEN COALESCE(f.partial, 0)
          WHEN 'parked' THEN COALESCE(f.parked, 0) WHEN 'images' THEN COALESCE(f.images_to_come, 0) ELSE 0 END,
        lower(f.name) COLLATE "C", f.id) AS place
      FROM found f ORDER BY place OFFSET skip LIMIT most) p), '[]'))
$$;

-- The bookmark from which a place in an order is soon reached, and its own place; both from 0. None where none is before.
CREATE FUNCTION public.image_backfill_bookmark_before(chosen text, wanted bigint)
RETURNS TABLE (title text, number integer, vehicle_id uuid, place bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
  -- Moves that are not added up yet put a bookmark at most so much further.
  come CONSTANT bigint := (SELECT COALESCE(sum(m.vehicles), 0) FROM public.image_backfill_moves m WHERE m.sort = chosen AND m.vehicles > 0);
BEGIN
  RETURN QUERY
  SELECT n.title, n.number, n.vehicle_id, n.place::bigint + (
    SELECT COALESCE(sum(m.vehicles), 0)::bigint FROM public.image_backfill_moves m
    WHERE m.sort = chosen AND (m.title, m.number, m.vehicle_id) < (n.title, n.number, n.vehicle_id))
  FROM (
    SELECT b.title, b.number, b.vehicle_id, sum(b.vehicles) OVER (ORDER BY b.title, b.number, b.vehicle_id) - b.vehicles AS place
    FROM public.image_backfill_bookmarks b WHERE b.sort = chosen) n
  WHERE n.place <= wanted - come ORDER BY n.place DESC LIMIT 1;
END $$;

-- A page of vehicles, {"total", "rows"}: of one organization ('' for none) or of all for NULL, whose title or VIN holds a
-- text, by title, urls or state.
CREATE FUNCTION public.image_backfill_vehicles(
  organization text DEFAULT NULL, wanted text DEFAULT '', sort text DEFAULT 'title', descending boolean DEFAULT false,
  skip integer DEFAULT 0, most integer DEFAULT 100
) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
  chosen CONSTANT text := CASE WHEN sort IN ('urls', 'state') THEN sort ELSE 'title' END;
  key CONSTANT text := CASE chosen WHEN 'urls' THEN 'url_count' ELSE chosen END;
  near CONSTANT integer := 500; -- steps that are soon made
  conditions text := 'true';
  total bigint;
  turned boolean;
  steps bigint;
  place bigint;
  mark_title text;
  mark_number integer;
  mark_id uuid;
  mark_place bigint;
  ids uuid[];
BEGIN
  IF organization IS NOT NULL THEN
    conditions := 'c.organization_id = $1';
  END IF;
  IF wanted = '' THEN
    SELECT COALESCE(sum(c.vehicles), 0) INTO total FROM public.image_backfill_counts c WHERE organization IS NULL OR c.organization_id = organization;
  ELSE
    conditions := conditions || ' AND position(lower($2) IN c.search) > 0';
    EXECUTE 'SELECT count(*) FROM public.image_backfill_catalog c WHERE ' || conditions INTO total USING organization, wanted;
  END IF;
  most := least(most, total - skip);
  IF most <= 0 THEN
    RETURN jsonb_build_object('total', total, 'rows', '[]'::jsonb);
  END IF;
  -- The far half is reached from the other end.
  turned := skip > total - skip - most;
  steps := CASE WHEN turned THEN total - skip - most ELSE skip END;
  IF steps > near AND organization IS NULL AND wanted = '' THEN
    place := CASE WHEN descending THEN total - skip - most ELSE skip END;
    SELECT b.title, b.number, b.vehicle_id, b.place INTO mark_title, mark_number, mark_id, mark_place
    FROM public.image_backfill_bookmark_before(chosen, place) b;
    IF FOUND THEN
      conditions := format('(c.%I, c.vehicle_id) >= (%s, $7)', key, CASE chosen WHEN 'title' THEN '$5' ELSE '$6' END);
      turned := descending;
      steps := place - mark_place;
    END IF;
  END IF;
  EXECUTE format('SELECT ARRAY(SELECT c.vehicle_id FROM public.image_backfill_catalog c WHERE %s ORDER BY c.%I %s, c.vehicle_id %3$s OFFSET $3 LIMIT $4)',
    conditions, key, CASE WHEN descending <> turned THEN 'DESC' ELSE 'ASC' END)
  INTO ids USING organization, wanted, steps, most, mark_title, mark_number, mark_id;
  RETURN jsonb_build_object('total', total, 'rows', (
    SELECT COALESCE(jsonb_agg(to_jsonb(l) ORDER BY CASE WHEN turned THEN -1 ELSE 1 END * array_position(ids, l.id)), '[]')
    FROM public.image_backfill_lines l WHERE l.id = ANY (ids)));
END $$;
