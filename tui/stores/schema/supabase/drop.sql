-- backfill-tui: removes the sidecar. Images, their rows and the marks of vehicles stay; what is lost is the memory of
-- refused images, of parked vehicles and of runs.

BEGIN;

DROP INDEX IF EXISTS public.image_backfill_photos_of, public.image_backfill_changed, public.image_backfill_photos_added,
  public.image_backfill_dealers_id;

DO $$
DECLARE
  gone text;
BEGIN
  LOOP
    SELECT format('DROP %s %s CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass) INTO gone
    FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'image\_backfill\_%' LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE gone;
  END LOOP;
  LOOP
    SELECT format('DROP FUNCTION %s CASCADE', p.oid::regprocedure) INTO gone FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'image\_backfill\_%' LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE gone;
  END LOOP;
END $$;

COMMIT;

NOTIFY pgrst, 'reload schema';
