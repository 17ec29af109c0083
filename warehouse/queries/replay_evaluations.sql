-- The recorded evaluations of [begin, until), oldest first. Rows with words are no evaluations: the clock was set back.
SELECT evaluated_at, read_to FROM evaluations WHERE evaluated_at >= $begin AND evaluated_at < $until AND words = '' ORDER BY evaluated_at
