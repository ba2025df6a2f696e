"""Stages and how they are built: what can be made, from what, and by which code."""
