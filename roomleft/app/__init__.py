"""The wiring: the only package that knows every part. One process: web, writer, jobs.

Nothing is imported here: a command that needs one part of it must not wait for the pages and the jobs.
"""
