"""Spec and catalogue become a Blueprint: a list of passes, told flat in `service.py`, one a file."""
