"""The sandbox: local servers (MariaDB and SeaweedFS) and a sample business in them, for ``cli`` alone.

Production uses nothing of it. ``stack`` starts, stops and describes the servers; ``business`` generates the sample and
simulates its days; ``dump`` loads a dump file in place of the sample.
"""
