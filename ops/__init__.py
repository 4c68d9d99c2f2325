"""Runs it: settings, wiring, HTTP edges, jobs, command line, embedded PostgreSQL, metrics, site, deployment."""
