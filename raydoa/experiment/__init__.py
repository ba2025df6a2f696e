"""A sweep as an experiment: its configuration, its cells, what they cost, and their rows."""
