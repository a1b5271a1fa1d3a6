"""Rules that come with their proof: unit tests generated for every alert and record, and run by promtool."""
