-- How many rows the list of series has: as long as that stays, no series was added.
SELECT count(*) AS series_rows FROM series
