"""Snapshots for change-stream tables: a whole table as the start of its history, read at once or in chunks.

``chunks`` plans, ``chunk_staging`` stores, ``chunk_merge`` merges, ``chunked`` decides; ``resnapshot`` closes the days
before a new snapshot. ``ingest.stream.run`` writes the snapshot's object.
"""
