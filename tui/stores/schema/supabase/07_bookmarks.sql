-- Keeping the bookmarks of the catalog. At every moment the vehicles from one to the next are what it says, and what the
-- moves between them add; so whoever changes jobs waits for nobody, and whoever adds up or sets new ones does so in one
-- statement, which sees both as they are at one moment.

-- Begins bookmarks where a project has come to be large, adds moves up, sets new ones where some came to be far apart, one
-- step at a time; whether there is another. Nothing while somebody else is at it.
CREATE FUNCTION public.image_backfill_keep_bookmarks(size integer DEFAULT 1000) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  wide record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7305174, 4) THEN
    RETURN false;
  END IF;
  IF NOT EXISTS (SELECT FROM public.image_backfill_bookmarks) THEN
    RETURN public.image_backfill_begin_bookmarks(size * 10);
  END IF;
  IF public.image_backfill_fold_moves(20000) THEN
    RETURN true;
  END IF;
  DELETE FROM public.image_backfill_bookmarks b
  WHERE b.vehicles = 0 AND (b.title, b.number, b.vehicle_id) <> ('', 0, '00000000-0000-0000-0000-000000000000');
  SELECT b.* INTO wide FROM (
    SELECT b.*, lead(b.title) OVER following AS next_title, lead(b.number) OVER following AS next_number, lead(b.vehicle_id) OVER following AS next_id
    FROM public.image_backfill_bookmarks b WINDOW following AS (PARTITION BY b.sort ORDER BY b.title, b.number, b.vehicle_id)) b
  WHERE b.vehicles > size * 4 ORDER BY b.vehicles DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM public.image_backfill_split_bookmark(wide.sort, wide.title, wide.number, wide.vehicle_id, wide.next_title, wide.next_number, wide.next_id, size);
  RETURN true;
END $$;

-- A step of it where many moves wait. There are none without bookmarks, so this locks no job.
CREATE FUNCTION public.image_backfill_tidy_bookmarks() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM public.image_backfill_moves OFFSET 2000) THEN
    PERFORM public.image_backfill_keep_bookmarks();
  END IF;
END $$;

-- The first bookmark of each order, where there are enough vehicles for any; whether there are. In a transaction that has
-- written no job: nobody writes one meanwhile, and whoever does so afterwards tells of moves.
CREATE FUNCTION public.image_backfill_begin_bookmarks(enough bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT COALESCE(sum(c.vehicles), 0) < enough FROM public.image_backfill_counts c) THEN
    RETURN false;
  END IF;
  LOCK TABLE public.image_backfill_jobs IN SHARE MODE;
  INSERT INTO public.image_backfill_bookmarks (sort, title, number, vehicle_id, vehicles)
  SELECT sort, '', 0, '00000000-0000-0000-0000-000000000000', (SELECT count(*) FROM public.image_backfill_jobs)
  FROM unnest(ARRAY['title', 'urls', 'state']) AS sort;
  RETURN true;
END $$;

-- Adds up to `most` moves up at the bookmarks before them; whether there may be more.
CREATE FUNCTION public.image_backfill_fold_moves(most integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  folded integer;
BEGIN
  WITH gone AS (
    DELETE FROM public.image_backfill_moves m
    WHERE m.ctid = ANY (ARRAY(SELECT f.ctid FROM public.image_backfill_moves f LIMIT most)) RETURNING m.*),
  moved AS (
    SELECT before.sort, before.title, before.number, before.vehicle_id, sum(g.vehicles) AS vehicles
    FROM gone g CROSS JOIN LATERAL (
      SELECT b.sort, b.title, b.number, b.vehicle_id FROM public.image_backfill_bookmarks b
      WHERE b.sort = g.sort AND (b.title, b.number, b.vehicle_id) <= (g.title, g.number, g.vehicle_id)
      ORDER BY b.title DESC, b.number DESC, b.vehicle_id DESC LIMIT 1) before
    GROUP BY before.sort, before.title, before.number, before.vehicle_id),
  added AS (
    UPDATE public.image_backfill_bookmarks b SET vehicles = b.vehicles + m.vehicles FROM moved m
    WHERE (b.sort, b.title, b.number, b.vehicle_id) = (m.sort, m.title, m.number, m.vehicle_id) AND m.vehicles <> 0)
  SELECT count(*) INTO folded FROM gone;
  RETURN folded = most;
END $$;

-- Sets bookmarks between one and the next (NULL for none), `size` vehicles apart; moves between them are then added up.
CREATE FUNCTION public.image_backfill_split_bookmark(
  sort text, title text, number integer, vehicle_id uuid, next_title text, next_number integer, next_id uuid, size integer
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format($query$
    WITH gone AS (
      DELETE FROM public.image_backfill_moves m WHERE m.sort = $1 AND (m.title, m.number, m.vehicle_id) >= ($2, $3, $4)
        AND ($7 IS NULL OR (m.title, m.number, m.vehicle_id) < ($5, $6, $7))),
    placed AS MATERIALIZED (
      SELECT %1$s AS title, %2$s AS number, c.vehicle_id, row_number() OVER (ORDER BY c.%3$I, c.vehicle_id) - 1 AS place
      FROM public.image_backfill_catalog c
      WHERE (c.%3$I, c.vehicle_id) >= (%4$s, $4) AND ($7 IS NULL OR (c.%3$I, c.vehicle_id) < (%5$s, $7))),
    vehicles AS (SELECT count(*) AS number FROM placed)
    INSERT INTO public.image_backfill_bookmarks AS b (sort, title, number, vehicle_id, vehicles)
    SELECT $1, $2, $3, $4, least($8, v.number) FROM vehicles v
    UNION ALL
    SELECT $1, p.title, p.number, p.vehicle_id, least($8, v.number - p.place) FROM placed p CROSS JOIN vehicles v
    WHERE p.place > 0 AND p.place %% $8 = 0
    ON CONFLICT (sort, title, number, vehicle_id) DO UPDATE SET vehicles = excluded.vehicles
  $query$, CASE sort WHEN 'title' THEN 'c.title' ELSE quote_literal('') END, CASE sort WHEN 'title' THEN '0' WHEN 'urls' THEN 'c.url_count' ELSE 'c.state' END,
    CASE sort WHEN 'urls' THEN 'url_count' ELSE sort END,
    CASE sort WHEN 'title' THEN '$2' ELSE '$3' END, CASE sort WHEN 'title' THEN '$5' ELSE '$6' END)
  USING sort, title, number, vehicle_id, next_title, next_number, next_id, size;
END $$;
