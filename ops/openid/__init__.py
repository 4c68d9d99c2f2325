"""Signing in by OpenID Connect: what decides (`protocol`), who is asked (`provider`), what is set (`client`)."""
