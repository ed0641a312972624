"""Raw store: one Parquet object per table and day on S3, its key, its state, its schema and the writer of a day.

Copies nothing from a database: ``ingest`` does. Compares nothing with it: ``reconcile`` does.
"""
