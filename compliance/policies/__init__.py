"""Rules as data: one TOML file for each country, and `base.toml` for what every call must heed."""
