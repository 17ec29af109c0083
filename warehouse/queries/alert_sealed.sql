-- Before when raw rows, or those of a rollup, are gone; NULL: none are.
SELECT max(before) AS before FROM sealed WHERE rollup = $rollup
