"""Money: what a budget buys, what a cell cost, and the prices and unit costs behind both."""
