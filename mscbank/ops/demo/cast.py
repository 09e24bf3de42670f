"""Who acts in the demonstration. Every person is fictitious; one log-in a role."""

from dataclasses import dataclass

from mscbank.core.access import Role

PASSWORD = "demonstration"


@dataclass(frozen=True)
class Person:
    """Somebody with a log-in."""

    login: str
    printed_name: str
    roles: tuple[Role, ...]


NURSE = Person("collection", "Lucie Martel", (Role.COLLECTION,))
DIRECTOR = Person("director", "Dr Eva Novák", (Role.MEDICAL_DIRECTOR, Role.RESPONSIBLE_PERSON))
TECH = Person("lab", "Noor Haddad", (Role.LAB_TECH,))
TECH_2 = Person("lab2", "Tomás Ferreira", (Role.LAB_TECH,))
QC = Person("qc", "Ines Kowal", (Role.QC_ANALYST,))
QC_2 = Person("qc2", "Pieter Maes", (Role.QC_ANALYST,))
QA = Person("qa", "Ana Lindqvist", (Role.QA,))
QA_2 = Person("qa2", "Quentin Roy", (Role.QA,))
QP = Person("qp", "Dr Claire Aubry", (Role.QP,))
PHYSICIAN = Person(
    "physician", "Dr Marta Rinaldi", (Role.PRESCRIBER, Role.INVESTIGATOR, Role.TREATING_PHYSICIAN)
)
PHARMACIST = Person("pharmacist", "Samuel Osei", (Role.PHARMACIST,))
PHARMACIST_2 = Person("pharmacist2", "Paula Keller", (Role.PHARMACIST,))
WARD = Person("nurse", "Nina Berg", (Role.NURSE,))
WARD_2 = Person("nurse2", "Noah Petit", (Role.NURSE,))
PV = Person("safety", "Dr Yusuf Karim", (Role.PV_OFFICER,))
REVIEWER = Person("reviewer", "Dr Vera Blum", (Role.SAFETY_REVIEWER,))
AUDITOR = Person("auditor", "Mireille Caron", (Role.AUDITOR,))
SPONSOR = Person("sponsor", "Igor Valdez", (Role.SPONSOR,))
ADMIN = Person("admin", "Ada Moreau", (Role.ADMIN,))

CAST = (
    NURSE,
    DIRECTOR,
    TECH,
    TECH_2,
    QC,
    QC_2,
    QA,
    QA_2,
    QP,
    PHYSICIAN,
    PHARMACIST,
    PHARMACIST_2,
    WARD,
    WARD_2,
    PV,
    REVIEWER,
    AUDITOR,
    SPONSOR,
    ADMIN,
)
