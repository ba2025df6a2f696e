"""Files and datasets as people have them, as records: where each stands, and its columns."""
