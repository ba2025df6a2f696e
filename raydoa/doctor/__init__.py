"""What is wrong with a cluster file, or with a running cluster, and how to fix it. Nothing here imports Ray."""
