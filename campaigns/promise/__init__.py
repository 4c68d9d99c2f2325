"""The promise as a value: model, terms, calendar, TOML file and diff. No I/O."""
