"""The HTTP edges: the only place that knows requests, statuses and headers."""
