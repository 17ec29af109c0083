"""Chaos: a real server, killed with SIGKILL at random moments while it ingests, rolls up and measures."""
