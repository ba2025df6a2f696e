"""What a budget buys, and where scores are known what it is likely to bring: predictions, what-ifs, break-even prices."""
