"""Room 1, what the business wrote: table declarations, and the readers that ask a database for its rows."""
