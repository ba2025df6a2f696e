"""Rows that one plan gets right and another wrong, out of what evaluations keep in the store.

plans of a question --pairs--> the best and its rival --evaluations--> what both wrote --compare--> counts, rows, confusion
"""
