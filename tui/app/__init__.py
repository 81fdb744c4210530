"""The face: a Textual app over the engine and a store."""
