"""The model checker: explores every state of a world and judges properties of it. Generic; it names no world."""
