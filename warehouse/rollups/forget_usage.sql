-- What the quarters in `todo` (and the hours they lie in) say so far. The bounds are constants: only their rows are read.
DELETE FROM usage_15m
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 900000000 IN (SELECT quarter FROM todo);
DELETE FROM latency_1m
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 900000000 IN (SELECT quarter FROM todo);
DELETE FROM latency_1h
WHERE bucket >= $low AND bucket < $high AND epoch_us(bucket) // 3600000000 IN (SELECT hour FROM todo_hours)
