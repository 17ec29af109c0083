-- Refused rows, newest first, each with an id by which it is released once it was sent again. What is alike in every column is one row.
SELECT md5(concat_ws(chr(31), source, stream, reason, coalesce(field, ''), coalesce(event_id, ''), coalesce(line::VARCHAR, ''),
    coalesce(content, ''), epoch_us(rejected_at)::VARCHAR)) AS row_id,
    source, stream, reason, field, event_id, line, content, rejected_at, count(*) AS copies
FROM rejected
WHERE ($source IS NULL OR source = $source) AND ($stream IS NULL OR stream = $stream)
GROUP BY ALL
ORDER BY rejected_at DESC, line
LIMIT $most
