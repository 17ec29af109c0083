DELETE FROM slo_1m
WHERE minute >= $low AND minute < $high AND slo IN (SELECT slo FROM slos) AND epoch_us(minute) // 900000000 IN (SELECT quarter FROM todo)
