"""The service: settings, HTTP, jobs, administration, command line and deployment."""
