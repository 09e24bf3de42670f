"""The statements that a label carries because of the donor (D §3.5; 21 CFR 1271.60, .65, .90, .370). Pure.

The wording is constant and in English on purpose: it is prescribed. What does not fit a vial accompanies it.
"""

from dataclasses import dataclass

from mscbank.collection.determination import Judgement, Weight
from mscbank.collection.panel import Marker

NOT_EVALUATED = "NOT EVALUATED FOR INFECTIOUS SUBSTANCES"
ADVISE = "WARNING: Advise patient of communicable disease risks"
REACTIVE = "WARNING: Reactive test results for {agent}"
AUTOLOGOUS = "FOR AUTOLOGOUS USE ONLY"
"""Known so that it can be recognised and refused: our products are never autologous."""
INTENDED_RECIPIENT = "FOR USE BY INTENDED RECIPIENT ONLY"
"""FACT, for a directed allogeneic product (general knowledge)."""


@dataclass(frozen=True)
class Statements:
    """What the label carries."""

    biohazard: bool
    """The biohazard legend of 21 CFR 1271.3(h)."""
    lines: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.biohazard or bool(self.lines)


NONE = Statements(biohazard=False, lines=())


def statements(judgement: Judgement, *, declared_ineligible: bool = False) -> Statements:
    """The statements for a judgement; ``declared_ineligible`` where the director's verdict is stricter.

    Complete and nothing against the donor: none. Incomplete: not evaluated, and the advice. Ineligible by
    screening: legend and advice. Reactive: legend, advice and one line an agent; a risk that was accepted
    in writing is still a reactive result, so its label says so.
    """
    against = judgement.of(Weight.EXCLUDES, Weight.RISK)
    agents = list(dict.fromkeys(f.agent for f in against if isinstance(f.about, Marker)))
    incomplete = not judgement.is_complete
    if not against and not incomplete and not declared_ineligible:
        return NONE
    lines = [NOT_EVALUATED] if incomplete else []
    lines.append(ADVISE)
    lines += [REACTIVE.format(agent=agent) for agent in agents]
    return Statements(biohazard=bool(against) or declared_ineligible, lines=tuple(lines))


def collection_type(found: Statements) -> str:
    """The collection type of the product code: 4 designated, 6 designated with a biohazard (D §5.4)."""
    return "6" if found else "4"
