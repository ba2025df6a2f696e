"""What a budget is likely to bring, before anything is spent: predicted plans, what-ifs and break-even prices."""
