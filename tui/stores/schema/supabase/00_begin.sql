-- backfill-tui: a sidecar for trickling the photos of vehicle listings into this project.
--
-- Run it as the owner of the project's tables (the SQL editor does). It may be run again at any time: it then brings an
-- older version up to date and follows columns that were added meanwhile. It adds tables, views and functions named
-- image_backfill_* to the schema public, and indexes to vehicles and vehicle_images; only the service role may use them.
-- No row of the project's own tables is changed, no trigger is put on them. `backfill-tui schema --drop` prints what
-- removes all of it.

BEGIN;

SET LOCAL search_path = '';
SET LOCAL statement_timeout = 0;
SET LOCAL check_function_bodies = off;
SET LOCAL client_min_messages = warning;
SET LOCAL image_backfill.organizations_table = ''; -- setting: organizations_table

-- Older versions of the functions and views may have another shape. One may go with another, so each is looked up anew.
DO $$
DECLARE
  old text;
BEGIN
  LOOP
    SELECT format('DROP VIEW public.%I CASCADE', v.viewname) INTO old FROM pg_catalog.pg_views v
    WHERE v.schemaname = 'public' AND v.viewname LIKE 'image\_backfill\_%' LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE old;
  END LOOP;
  LOOP
    SELECT format('DROP FUNCTION %s CASCADE', p.oid::regprocedure) INTO old FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'image\_backfill\_%' LIMIT 1;
    EXIT WHEN NOT FOUND;
    EXECUTE old;
  END LOOP;
END $$;
