"""Restore of a dump file in place of the sample: load in a scratch server, audit, swap. Makes no dumps."""
