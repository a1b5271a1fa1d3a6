"""The world's facts, as data: exporters, their metrics and signals, and the ladders of levels."""
