"""Tests of the binary log."""
