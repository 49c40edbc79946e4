"""The operator, or our own decision in its place, in a whole cluster: as a world that a checker can explore."""
