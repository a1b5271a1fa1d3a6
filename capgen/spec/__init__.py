"""The user's words: YAML with positions, models of its shape, layers, and the JSON Schema."""
