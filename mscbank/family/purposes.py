"""For what an identity is read: the reader's task that is about this person, else the reader's work."""

from mscbank.core import links
from mscbank.core.access import Principal
from mscbank.family.models import Person

MOST = 3
INSPECTION = "inspection, unsealed with a reason"


def purpose_of(person: Person, by: Principal, where: str) -> str:
    """The purpose that the record keeps: the tasks waiting for the reader that concern this person.

    Without one it says by which door the reader came, and in which role.
    """
    if not by.sees_names:
        return INSPECTION
    tasks = links.waiting_about(person.kind, person.code, by)
    titles = list(dict.fromkeys(task.title.english for task in tasks))
    if titles:
        return "task: " + "; ".join(titles[:MOST])
    return f"{where}, as {by.role_label}"
