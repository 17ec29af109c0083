"""A Redis server as a source."""
