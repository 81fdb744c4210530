-- Only the service role may use any of this; it runs with the caller's rights and resolves no name by a search path.
DO $$
DECLARE
  ours regprocedure;
  kept regclass;
  who text;
BEGIN
  FOR ours IN
    SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'image\_backfill\_%'
  LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', ours);
    EXECUTE format('ALTER FUNCTION %s SET search_path = ''''', ours);
    EXECUTE format('ALTER FUNCTION %s SET jit = off', ours);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', ours);
  END LOOP;
  FOR kept IN
    SELECT c.oid::regclass FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'image\_backfill\_%'
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', kept);
    IF (SELECT relkind FROM pg_catalog.pg_class WHERE oid = kept) = 'r' THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', kept);
    END IF;
  END LOOP;

  FOREACH who IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = who);
    FOR ours IN
      SELECT p.oid::regprocedure FROM pg_catalog.pg_proc p
      WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'image\_backfill\_%'
    LOOP
      EXECUTE format('%s EXECUTE ON FUNCTION %s %s %I', CASE who WHEN 'service_role' THEN 'GRANT' ELSE 'REVOKE' END, ours,
        CASE who WHEN 'service_role' THEN 'TO' ELSE 'FROM' END, who);
    END LOOP;
    FOR kept IN
      SELECT c.oid::regclass FROM pg_catalog.pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND c.relname LIKE 'image\_backfill\_%'
    LOOP
      EXECUTE format('%s ALL ON %s %s %I', CASE who WHEN 'service_role' THEN 'GRANT' ELSE 'REVOKE' END, kept,
        CASE who WHEN 'service_role' THEN 'TO' ELSE 'FROM' END, who);
    END LOOP;
  END LOOP;
END $$;

COMMIT;

NOTIFY pgrst, 'reload schema';
