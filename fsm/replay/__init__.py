"""Folds recorded Kubernetes objects into timelines: reading, merging, and what came of it."""
