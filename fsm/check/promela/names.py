"""Names and words that Promela accepts."""

from __future__ import annotations

import re

_TAKEN = frozenset(
    word
    for line in (
        "active assert atomic bit bool break byte c_code c_decl c_expr c_state c_track chan d_proctype d_step do else",
        "empty enabled end eval false fi for full get_priority goto hidden if in init inline int len local ltl mtype",
        "nempty never nfull notrace np_ od of pc_value pid printf printm priority proctype provided return run select",
        "set_priority short show skip timeout trace true typedef unless unsigned xr xs",
    )
    for word in line.split()
)
"""Words with a meaning of their own."""


class Names:
    """Gives each thing one identifier, near to what it is called."""

    def __init__(self, *reserved: str) -> None:
        self._taken = set(_TAKEN) | set(reserved)

    def new(self, wished: str) -> str:
        """A name that nothing else has."""
        plain = re.sub(r"\W+", "_", wished, flags=re.ASCII).strip("_").lower() or "x"
        if plain[0].isdigit():
            plain = f"x{plain}"
        name, number = plain, 2
        while name in self._taken:
            name, number = f"{plain}_{number}", number + 1
        self._taken.add(name)
        return name


def remark(words: str) -> str:
    """The words as a comment of one line."""
    return f"/* {' '.join(words.split()).replace('*/', '* /').replace('/*', '/ *')} */"


def variable_type(values: int) -> str:
    """The smallest type that holds so many numbers, from 0."""
    return "byte" if values <= 256 else "short" if values <= 32768 else "int"
