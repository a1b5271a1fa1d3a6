"""Rules with codes: they judge specs, rules and artifacts, and never produce any."""
