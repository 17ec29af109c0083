"""How facts come in: the platform API, files, and the readers of rows that they share."""
