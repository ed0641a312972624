"""The local servers: MariaDB, scratch MariaDB and SeaweedFS as processes. ``stack`` starts and stops them together."""
