"""What people and other programs get to read: findings, plans and differences as text of many forms.

Everything here is a pure function from values to a string; the caller knows the stream, its width and whether it
takes colour. Nothing here decides anything: what is an error was decided by the room that found it.
"""
