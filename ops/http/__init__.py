"""The HTTP edge: the only package that knows requests, statuses and headers."""
