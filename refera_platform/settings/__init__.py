"""Settings: the stage, addresses, alerts and runner of a process; the only reader of environment variables."""
