"""What is wrong with a cluster file, or with a cluster that runs, and what to do about it. Nothing here imports Ray."""
