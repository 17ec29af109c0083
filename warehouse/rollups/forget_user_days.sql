DELETE FROM usage_user_1d
WHERE day >= (SELECT min(day) FROM local_days) AND day <= (SELECT max(day) FROM local_days)
    AND (zone, day) IN (SELECT (zone, day) FROM local_days)
