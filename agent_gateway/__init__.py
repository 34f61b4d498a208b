"""The agent's side of the call: states, matching, the session protocol, dispositions."""
