-- backfill-tui: removes the sidecar. Images, their rows and the marks of vehicles stay; what is lost is the memory of
-- refused images, of parked vehicles and of runs.

BEGIN;

-- include: known.sql

-- Each kind at once, since one thing may rest on another; what others built on them is not dropped with them, but stops
-- this.
DO $$
DECLARE
  mark CONSTANT text := current_setting('image_backfill.mark');
  kind text;
  gone text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['INDEX', 'VIEW', 'TABLE'] LOOP
    SELECT string_agg(c.oid::regclass::text, ', ') INTO gone FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND obj_description(c.oid, 'pg_class') = mark
      AND c.relkind = CASE kind WHEN 'INDEX' THEN 'i' WHEN 'VIEW' THEN 'v' ELSE 'r' END;
    IF gone IS NOT NULL THEN
      EXECUTE format('DROP %s %s', kind, gone);
    END IF;
  END LOOP;
  SELECT string_agg(p.oid::regprocedure::text, ', ') INTO gone FROM pg_catalog.pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace AND obj_description(p.oid, 'pg_proc') = mark;
  IF gone IS NOT NULL THEN
    EXECUTE 'DROP FUNCTION ' || gone;
  END IF;
END $$;

COMMIT;

NOTIFY pgrst, 'reload schema';
