"""The operator, or our own decision in its place, in a whole cluster: as a world that a checker can explore.

What is held of each object is all that anybody's behaviour depends on (`held`, `slots`, `thread`), and a step runs the
reference's own programs on the objects that stand for it (`stepping`, `outside`). Who moves is a file each: `operator`
or `ours`, `cluster`, `people`; `faults` lists what may go wrong.
"""

from fsm.environment.world.build import BESIDE, OPERATOR, OURS, WORLDS, world_of
from fsm.environment.world.charted import Charted, Watch
from fsm.environment.world.faults import MISHAPS, Mishap
from fsm.environment.world.held import Wish

__all__ = ["BESIDE", "MISHAPS", "OPERATOR", "OURS", "WORLDS", "Charted", "Mishap", "Watch", "Wish", "world_of"]
