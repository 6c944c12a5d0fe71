"""What the store asks of MongoDB (`port`), and that asked through each driver."""
