SET LOCAL search_path = '';
SET LOCAL image_backfill.mark = 'made by backfill-tui; `backfill-tui schema --drop` prints what removes it';
SET LOCAL image_backfill.names = ''; -- setting: names

-- What is ours says so in its comment. Versions 1 and 2 did not say it: where one of them is, it goes by the names.
DO $$
DECLARE
  names CONSTANT text[] := string_to_array(current_setting('image_backfill.names'), ',');
  about CONSTANT regclass := to_regclass('public.image_backfill_about');
  ours text;
BEGIN
  IF obj_description(about, 'pg_class') IS NULL AND EXISTS (
    SELECT FROM pg_catalog.pg_attribute t WHERE t.attrelid = about AND t.attname = 'only_row') THEN
    FOR ours IN
      SELECT format('%s %s', CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE 'INDEX' END, c.oid::regclass)
      FROM pg_catalog.pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'i') AND c.relname = ANY (names)
      UNION ALL
      SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_catalog.pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (names)
    LOOP
      EXECUTE format('COMMENT ON %s IS %L', ours, current_setting('image_backfill.mark'));
    END LOOP;
  END IF;
END $$;
