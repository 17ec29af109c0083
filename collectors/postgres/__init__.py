"""A PostgreSQL server and its replicas as a source."""
