"""A private Asterisk: fetched, configured, started and stopped by the project itself.

Reading order: `root` (the programs), `settings` and `render` (the configuration), `instance` (one running Asterisk).
"""
