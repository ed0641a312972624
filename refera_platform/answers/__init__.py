"""Room 4, what leaves the house: the questions, the query session, the report, and proof that they can be trusted."""
