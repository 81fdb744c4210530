-- Only its owner and the service role may use any of this, whatever the project grants by default; it runs with the
-- caller's rights and resolves no name by a search path.
DO $$
DECLARE
  names CONSTANT text[] := string_to_array(current_setting('image_backfill.names'), ',');
  served CONSTANT boolean := EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'service_role');
  ours record;
  who text;
BEGIN
  FOR ours IN
    SELECT 'FUNCTION' AS kind, p.oid::regprocedure::text AS name, p.proowner AS owner, COALESCE(p.proacl, acldefault('f', p.proowner)) AS acl
    FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (names)
    UNION ALL
    SELECT CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE 'INDEX' END, c.oid::regclass::text, c.relowner, COALESCE(c.relacl, '{}')
    FROM pg_catalog.pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (names)
  LOOP
    EXECUTE format('COMMENT ON %s %s IS %L', ours.kind, ours.name, current_setting('image_backfill.mark'));
    CONTINUE WHEN ours.kind = 'INDEX';
    IF ours.kind = 'FUNCTION' THEN
      EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER', ours.name);
      EXECUTE format('ALTER FUNCTION %s SET search_path = ''''', ours.name);
      EXECUTE format('ALTER FUNCTION %s SET jit = off', ours.name);
    ELSIF ours.kind = 'TABLE' THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', ours.name);
    END IF;
    FOR who IN
      SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
      FROM aclexplode(ours.acl) a WHERE a.grantee <> ours.owner
    LOOP
      EXECUTE format('REVOKE ALL ON %s %s FROM %s CASCADE', replace(ours.kind, 'VIEW', 'TABLE'), ours.name, who);
    END LOOP;
    IF served THEN
      EXECUTE format('GRANT ALL ON %s %s TO service_role', replace(ours.kind, 'VIEW', 'TABLE'), ours.name);
    END IF;
  END LOOP;
END $$;

COMMIT;

NOTIFY pgrst, 'reload schema';
