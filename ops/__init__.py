"""The service: settings, HTTP, jobs, administration, command line and deployment."""

__version__ = "0.1.0"  # the same in pyproject.toml
