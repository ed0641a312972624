"""The sample business: generated history and simulated days in the local MariaDB. Starts no server: ``stack`` does."""
