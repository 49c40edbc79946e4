"""How states are held: every value of a part has a small number, and a state is these numbers, packed into words.

A *slot* is a place of a state (`World.slots`), its number an int. A *code* names a place as a rule means it, so that
one table serves all components: a shared part, a part of the rule's own component, a part of a certain one, or the
pseudo part `index`. A *block* is many states: a uint64 array of shape (words, states).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fsm.errors import DeclarationError
from fsm.kernel import Key, World

Block = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.integer[Any]]
State = tuple[Any, ...]

WORD = 64
SPARE = 1
"""Bits that a field has beyond what its values need when it is laid out."""


class Values:
    """The values of one part, numbered in the order in which they were met."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.all: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self.all)

    def number(self, value: Any) -> int:
        """Its number, a new one where it was never seen; DeclarationError where it cannot be hashed."""
        try:
            number = self._numbers.get(value)
        except TypeError as error:
            raise DeclarationError(f"the part {self.part!r} has a value that cannot be hashed: {value!r}") from error
        if number is None:
            number = self._numbers[value] = len(self.all)
            self.all.append(value)
        return number

    def known(self, value: Any) -> int | None:
        """Its number, None where it was never seen."""
        return self._numbers.get(value)


class Codes:
    """The codes of a world's places: shared parts, own parts, own parts of component 0, 1, ..., and the index.

    Where two states are read, before and after a step, those of the state after begin at `count`, and `taken` is the
    step itself."""

    def __init__(self, world: World) -> None:
        self.components = world.components
        self.shared = [name for name, part in world.parts.items() if not part.own]
        self.own = [name for name, part in world.parts.items() if part.own]
        self._shared = {name: i for i, name in enumerate(self.shared)}
        self._own = {name: i for i, name in enumerate(self.own)}
        self.index = len(self.shared) + len(self.own) * (1 + self.components)
        self.count = self.index + 1
        self.taken = 2 * self.count

    def code(self, name: str, component: int | None, own: bool) -> int:
        """Of a part by its name. `component`: that of a certain one; None: as a rule (`own` or not) means it."""
        shared = self._shared.get(name)
        if shared is not None:
            return shared
        if name not in self._own:
            raise DeclarationError(f"there is no part {name!r}")
        if component is not None:
            return len(self.shared) + len(self.own) * (1 + component) + self._own[name]
        if not own:
            raise DeclarationError(
                f"the part {name!r} is of one component: say which, by view.of(index) or (name, index)"
            )
        return len(self.shared) + self._own[name]

    def written(self, key: Key, own: bool) -> int:
        """Of a place that a move writes."""
        if isinstance(key, tuple):
            return self.code(key[0], self.checked(key[1]), own)
        return self.code(key, None, own)

    def checked(self, component: int) -> int:
        """The component, if there is such a one."""
        if not 0 <= component < self.components:
            raise DeclarationError(f"there is no component {component!r}; there are {self.components}")
        return component

    def slot(self, code: int, component: int | None) -> int:
        """The slot that a code means to a rule of `component`."""
        shared, own = len(self.shared), len(self.own)
        if code < shared:
            return code
        if code < shared + own:
            assert component is not None
            return code + own * component
        return code - own

    def name(self, code: int) -> str:
        """The part's name."""
        if code == self.taken:
            return "step"
        code %= self.count
        if code == self.index:
            return "index"
        shared, own = len(self.shared), len(self.own)
        return self.shared[code] if code < shared else self.own[(code - shared) % own]

    def relative(self, code: int) -> bool:
        """Whether it means another slot for each component."""
        return len(self.shared) <= code < len(self.shared) + len(self.own)


class Field(NamedTuple):
    """Where a slot lies: which word, how far from its low end, how many bits."""

    word: int
    shift: int
    width: int


class Layout:
    """Fields one after another from high to low bits, in the order of the slots; none crosses the end of a word."""

    def __init__(self, widths: Sequence[int]) -> None:
        fields, word, free = [], 0, WORD
        for width in widths:
            if width > free:
                word, free = word + 1, WORD
            free -= width
            fields.append(Field(word, free, width))
        self.fields = tuple(fields)
        self.words = word + 1
        self._unused = free
        if self.words == 1:  # towards the low end, so that small states are small numbers
            self.fields = tuple(field._replace(shift=field.shift - free) for field in fields)

    def column(self, block: Block, slot: int) -> Ints:
        """The numbers of a slot's values, one for each state."""
        word, shift, width = self.fields[slot]
        column: Ints = ((block[word] >> np.uint64(shift)) & np.uint64((1 << width) - 1)).view(np.int64)
        return column

    def packed(self, columns: Iterable[Ints]) -> Block:
        """A block of the numbers of every slot."""
        columns = list(columns)
        block = np.zeros((self.words, len(columns[0])), np.uint64)
        for (word, shift, _), column in zip(self.fields, columns, strict=True):
            block[word] |= column.astype(np.uint64) << np.uint64(shift)
        return block

    def repacked(self, block: Block, older: Layout) -> Block:
        """The same states, which were laid out in another way."""
        fresh = np.zeros((self.words, block.shape[1]), np.uint64)
        for slot, (word, shift, _) in enumerate(self.fields):
            fresh[word] |= older.column(block, slot).view(np.uint64) << np.uint64(shift)
        return fresh

    def bits(self, slot: int, number: int) -> tuple[int, int]:
        """The word, and the bits in it that say that the slot has this value."""
        word, shift, _ = self.fields[slot]
        return word, number << shift

    def mask(self, slot: int) -> tuple[int, int]:
        """The word, and the bits in it that belong to the slot."""
        word, shift, width = self.fields[slot]
        return word, ((1 << width) - 1) << shift


class Space:
    """A world's slots, codes and values, and the present layout; `version` rises with each new layout."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slots = world.slots
        self.codes = Codes(world)
        self.values = {name: Values(name) for name in world.parts}
        self.steps = Values("step")
        self.of_slot = [self.values[name] for name, _ in self.slots]
        self.of_code = [self.values.get(self.codes.name(code)) for code in range(self.codes.index)]
        self.version = 0
        self.table_room = 1 << 62  # bytes that look-ups may still take
        self.readings = 0  # rises whenever some memo reads more than before
        self.initial = [tuple(map(self._number, range(len(self.slots)), state)) for state in world.initial_states()]
        self.layout = self._laid_out()

    def value(self, code: int, number: int) -> Any:
        """The value that has a number at a place."""
        values = self.values_of(code)
        return number if values is None else values.all[number]

    def values_of(self, code: int) -> Values | None:
        """The values that a place may have; None for the index, where they are the numbers themselves."""
        if code == self.codes.taken:
            return self.steps
        code %= self.codes.count
        return None if code == self.codes.index else self.of_code[code]

    def _number(self, slot: int, value: Any) -> int:
        return self.of_slot[slot].number(value)

    def _laid_out(self) -> Layout:
        return Layout([max(len(values) - 1, 1).bit_length() + SPARE for values in self.of_slot])

    def outgrown(self) -> bool:
        """Whether some value has a number that its field cannot hold."""
        return any(
            len(values) - 1 >> field.width for values, field in zip(self.of_slot, self.layout.fields, strict=True)
        )

    def widened(self) -> tuple[Layout, Layout]:
        """The old layout, and a new one that holds all values; what is stored must be repacked from one to the
        other."""
        older = self.layout
        needed = [max(len(values) - 1, 1).bit_length() for values in self.of_slot]
        self.layout = Layout(
            [
                field.width if need <= field.width else need + SPARE
                for field, need in zip(older.fields, needed, strict=True)
            ]
        )
        self.version += 1
        return older, self.layout

    def start(self) -> Block:
        """The initial states, each once."""
        numbers = np.array(list(dict.fromkeys(self.initial)), np.int64)
        return self.layout.packed(numbers[:, slot] for slot in range(numbers.shape[1]))

    def state(self, block: Block, i: int) -> State:
        """The values of one state of a block."""
        return tuple(
            self.of_slot[slot].all[int(block[word, i]) >> shift & (1 << width) - 1]
            for slot, (word, shift, width) in enumerate(self.layout.fields)
        )
