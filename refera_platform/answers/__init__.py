"""Room 4, what leaves the house: the business questions, the query session, and proof that they can be trusted."""
