"""The service: settings, HTTP, jobs, administration, command line, embedded PostgreSQL, deployment."""
