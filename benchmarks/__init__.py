"""How fast and how small: claims about speed, measured side by side in one process. Nothing in `fsm` imports this.

`python -m benchmarks` prints one row a comparison. The sides of a row do the same work on the same events, are shown
to give the same answers before any clock is read, and take turns in shuffled rounds; the ratio is the median of the
rounds. Ratios are what counts: absolute times belong to the computer they were taken on.
"""
