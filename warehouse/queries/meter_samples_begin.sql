-- When the oldest sample there is was observed, of any series; an instant no later than it has nothing to read.
SELECT least((SELECT min(observed_at) FROM samples), (SELECT min(bucket) FROM samples_1h)) AS first_at
