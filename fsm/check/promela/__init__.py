"""Worlds and machines as Promela models, so that SPIN can judge our engine. Text only: nothing is run here."""

from fsm.check.promela.machine import promela_of_machine
from fsm.check.promela.world import claims_of, promela_of

__all__ = ["claims_of", "promela_of", "promela_of_machine"]
