"""The public log's formats and checks. Imports nothing else of ours: it can be used alone."""
