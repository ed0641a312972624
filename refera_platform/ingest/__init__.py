"""Ingestion: copies the declared tables of a database into the lake, a day at a time. ``ingest_tables`` is the entry.

``stream`` reads the change stream, ``snapshot`` reads whole tables (in chunks when they are large), ``query_based``
copies the tables of the other strategies. Keys, states and the writer of objects are in ``lake``; comparing values is
in ``reconcile``.
"""
