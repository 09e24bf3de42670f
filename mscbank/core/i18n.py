"""Sentences are marked for translation where they are written and translated where they are shown."""

from typing import Any

from flask import has_request_context
from flask_babel import LazyString, get_locale, gettext
from markupsafe import escape

__all__ = ["LazyString", "_", "language", "n_", "say"]


class Sentence(LazyString):
    """A sentence with its values, translated when it is turned into text; English outside a request."""

    def __init__(self, msgid: str, **values: Any) -> None:
        self.msgid = msgid
        self.values = values
        super().__init__(self._say)

    def _say(self) -> str:
        text = gettext(self.msgid) if has_request_context() else self.msgid
        return text % {k: str(v) for k, v in self.values.items()} if self.values else text

    @property
    def english(self) -> str:
        """The sentence as it was written, whatever language is read."""
        return self.msgid % {k: str(v) for k, v in self.values.items()} if self.values else self.msgid

    def __str__(self) -> str:
        return self._say()

    def __repr__(self) -> str:
        return f"Sentence({self.msgid!r})"

    def __html__(self) -> str:
        return str(escape(self._say()))


def _(msgid: str, **values: Any) -> Sentence:
    """Mark a sentence; ``%(name)s`` stands for a value."""
    return Sentence(msgid, **values)


def say(sentence: object) -> str:
    """The sentence in the reader's language; a plain text is looked up as it stands."""
    if isinstance(sentence, str) and sentence and has_request_context():
        return str(gettext(sentence))
    return str(sentence)


def n_(msgid: str) -> str:
    """Mark a word for the catalogue without translating it here."""
    return msgid


def language() -> str:
    """The two-letter language of this request, ``en`` outside one."""
    locale = get_locale() if has_request_context() else None
    return locale.language if locale else "en"
