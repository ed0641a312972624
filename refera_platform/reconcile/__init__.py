"""Reconciliation: compares the values of a table at the source with its rows in the lake, both at one position.

``values`` compares, ``first_difference`` finds the first row that differs, ``result`` is the result. Writes nothing.
"""
