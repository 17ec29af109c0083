"""Records from outside judged into rows: usage, samples, health, deploys, business days; what is refused and why."""
