"""DuckDB sessions: quoting of SQL, signed extensions, scratch folders, secrets, and the session itself."""
