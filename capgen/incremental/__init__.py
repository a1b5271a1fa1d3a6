"""Builds that are quick because they do less: on all cores, and only what has changed since the last one.

They handle specs in which everything is fine. Whatever else they meet, they leave to the plain build, which looks
at the whole project at once and says what is wrong; so the two never disagree about a message.
"""
