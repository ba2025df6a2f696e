"""The model of scores that the cost-aware search asks: scaling laws, and a Gaussian process over them."""
