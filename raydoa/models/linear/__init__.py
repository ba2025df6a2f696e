"""The family of linear models over hashed n-grams: the floor that a compact model must beat."""
