"""Benchmarks against peers and the physical limit, one command each."""
