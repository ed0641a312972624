"""Hosts that are this machine: addresses beyond it are reached by TLS unless somebody types otherwise."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
