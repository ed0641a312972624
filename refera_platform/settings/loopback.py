"""Loopback hosts: names of this machine. All other addresses need TLS unless it is turned off by name."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
