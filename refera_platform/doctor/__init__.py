"""Preflight checks: what must hold at the sources and at the object store before a run. ``cli`` prints the findings."""
