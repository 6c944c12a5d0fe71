"""Searching: what each parameter type writes and asks, and the way from a query string to a filter."""
