"""Problems, peers and measures of `benchmarks/search_cost.py`."""
