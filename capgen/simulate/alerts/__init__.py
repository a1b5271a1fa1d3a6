"""Alerts over a history: what each would have asked, when it would have fired, and what would have been told of it."""
