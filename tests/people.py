"""The cast: everybody who acts in the tests, with the roles that each holds."""

from typing import Any

from mscbank.core import access, signatures
from mscbank.core.access import Grant, Principal, Role
from mscbank.core.acts import Action
from mscbank.core.signatures import Proof, Signer, prove

SECRET = "a long enough secret 42"


def person(login: str, printed_name: str, *roles: Role, site: str | None = None) -> Principal:
    """Somebody with these roles at a site, or everywhere."""
    return Principal(login, printed_name, frozenset(Grant(role, site) for role in roles))


BRUNO = person("bruno", "Bruno Lang", Role.LAB_TECH)
TOMAS = person("tomas", "Tomás Ferreira", Role.LAB_TECH)
LUCIE = person("lucie", "Lucie Martel", Role.COLLECTION)
EVA = person("eva", "Dr Eva Novák", Role.MEDICAL_DIRECTOR, Role.RESPONSIBLE_PERSON)
INES = person("ines", "Ines Kowal", Role.QC_ANALYST)
PIETER = person("pieter", "Pieter Maes", Role.QC_ANALYST)
ANA = person("ana", "Ana Lindqvist", Role.QA)
QUENTIN = person("quentin", "Quentin Roy", Role.QA)
QUITERIA = person("quiteria", "Dr Quitéria Sousa", Role.QP)
MARTA = person("marta", "Dr Marta Rinaldi", Role.PRESCRIBER, Role.INVESTIGATOR, Role.TREATING_PHYSICIAN)
PAULA = person("paula", "Paula Keller", Role.PHARMACIST)
PAUL = person("paul", "Paul Osei", Role.PHARMACIST)
NINA = person("nina", "Nina Berg", Role.NURSE)
NOAH = person("noah", "Noah Petit", Role.NURSE)
YUSUF = person("yusuf", "Dr Yusuf Karim", Role.PV_OFFICER)
VERA = person("vera", "Dr Vera Blum", Role.SAFETY_REVIEWER)
OTTO = person("otto", "Otto Frey", Role.AUDITOR)
ADA = person("ada", "Ada Moreau", Role.ADMIN)
SAM = person("sam", "Sam Noone")

PEOPLE = {
    p.login: p
    for p in (
        BRUNO,
        TOMAS,
        LUCIE,
        EVA,
        INES,
        PIETER,
        ANA,
        QUENTIN,
        QUITERIA,
        MARTA,
        PAULA,
        PAUL,
        NINA,
        NOAH,
        YUSUF,
        VERA,
        OTTO,
        ADA,
        SAM,
    )
}


def on_stage() -> None:
    """Let the door know the cast without a staff table, for tests that stay beneath the web."""
    access.register_staff(
        load=PEOPLE.get,
        check=lambda login, secret: login in PEOPLE and secret == SECRET,
        names=lambda: {login: person.printed_name for login, person in PEOPLE.items()},
    )
    signatures.vouched_by()


def proofs(action: Action, thing: Any, *signers: Principal, **inputs: Any) -> list[Proof]:
    """One proof a meaning of the action, in its order."""
    named = zip(action.meanings, signers, strict=True)
    signing = [Signer(signer, meaning, SECRET) for meaning, signer in named]
    return prove(action.name, thing, *signing, content=action.content, inputs=inputs)


def sign(
    action: Action, thing: Any, by: Principal, *others: Principal, reason: str | None = None, **inputs: Any
) -> Any:
    """Do an action that needs signatures: ``by`` acts, the others witness; ``None`` for a creation."""
    found = proofs(action, thing, by, *others, **inputs)
    arguments = () if thing is None else (thing,)
    return action(*arguments, by=by, reason=reason, proofs=found, **inputs)
