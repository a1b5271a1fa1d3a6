"""What runs already, read back into a draft spec.

Nobody starts on an empty cluster. What can be said in the language is said exactly; what cannot is named by object and
field with the reason, and never guessed: a draft that says almost the same would change what pages people.
"""
