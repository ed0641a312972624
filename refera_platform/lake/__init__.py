"""Room 2, the same rows as Parquet, day by day: where objects lie, what they know of themselves, how they get there."""
