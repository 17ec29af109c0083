-- The first recorded evaluation of all, and the last one before an instant.
SELECT min(evaluated_at) AS first_at, max(evaluated_at) FILTER (evaluated_at < $begin) AS before_at FROM evaluations WHERE words = ''
