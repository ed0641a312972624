"""Measurements beside peers and the physical limit, one command each."""
