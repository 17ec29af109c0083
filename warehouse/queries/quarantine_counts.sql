-- How many refused rows each source's stream has, since when, and the reason most of them share.
SELECT source, stream, count(*) AS refused_rows, min(rejected_at) AS first_at, max(rejected_at) AS last_at, mode(reason) AS usual_reason
FROM rejected
GROUP BY source, stream
ORDER BY source, stream
