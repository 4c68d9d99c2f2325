"""The promise as a value: model, terms, calendar, TOML file, diff."""
