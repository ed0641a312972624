"""Runners of ingest and build, in this process or on AWS Lambda, and examinations where the source can be reached."""
