"""Room 4, answers: business questions, query session, report, and verification of source, lake and warehouse."""
