"""A platform's own API as a source: what is read next, how far it has been read, its pages' records."""
