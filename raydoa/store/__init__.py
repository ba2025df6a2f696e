"""Artifacts by content: what one is called (key), what is known of it (record), where it lies."""
