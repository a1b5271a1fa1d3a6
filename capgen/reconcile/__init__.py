"""Desired artifacts against what stands there: a plan, and what becomes of it. Pure; targets do the rest.

Sees artifacts alone, so it works on hand-written YAML too.
"""
