"""Preflight of a source database: examines each precondition of a capture and reports findings with remedies."""
