"""What a sweep measured: rows, frontier, table and figure, read from Tune result dirs."""
