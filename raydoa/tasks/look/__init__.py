"""A look at a task's rows before money is spent: what they are, what is odd, and what would make every score meaningless."""
