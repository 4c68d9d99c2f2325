"""Sign-in by OpenID Connect: decisions (`protocol`), requests (`provider`), settings (`client`)."""
