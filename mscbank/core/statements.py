"""Telling a reading statement from a writing one by its text. Whatever is not surely a reading one writes."""

import re
from functools import lru_cache

_HIDDEN = re.compile(
    r"""(?P<odd>\b[EeUu]&?'|\$\w*\$)|--[^\r\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.DOTALL
)
"""Comments, strings and quoted names: what stands in them does nothing. The odd ones are PostgreSQL's other
strings, in which a quote does not end what it seems to end; nobody needs them here."""

_BRACKETS = re.compile(r"[`\[]")
"""SQLite's other quotes for names."""

_LOCKS = re.compile(r"\bFOR\s+(NO\s+KEY\s+)?UPDATE\b")
_WORD = re.compile(r"[A-Z_][A-Z0-9_]*")

_OPENINGS = frozenset({"SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW"})
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"})
"""What writes inside a statement that opens like a reading one; as names of columns they would be quoted."""

_EXPLAINED = frozenset({"CREATE", "EXECUTE", "REFRESH", "DECLARE"})
"""What EXPLAIN ANALYZE would run."""

_FUNCTIONS = frozenset({
    "SET_CONFIG", "SETVAL", "NEXTVAL", "DBLINK", "DBLINK_EXEC", "LO_IMPORT", "LO_EXPORT", "LO_UNLINK",
    "LO_PUT", "LOWRITE", "LO_CREATE", "LO_FROM_BYTEA", "PG_TERMINATE_BACKEND", "PG_CANCEL_BACKEND",
    "PG_RELOAD_CONF", "LOAD_EXTENSION", "WRITEFILE", "QUERY_TO_XML",
})  # fmt: skip
"""Functions that change something although they stand in a SELECT."""

_CATALOGUE = re.compile(r'PRAGMA\s+((main|temp)\.)?(table_x?info|table_list)(\("?\w+"?\))?\s*', re.IGNORECASE)


@lru_cache(maxsize=4096)
def reads(statement: str, *, sqlite: bool) -> bool:
    """Whether a statement can only read, on this engine."""
    if _CATALOGUE.fullmatch(statement):
        return sqlite
    if any(hidden["odd"] for hidden in _HIDDEN.finditer(statement)):
        return False
    shown = _HIDDEN.sub(" ", statement)
    if "'" in shown or '"' in shown or (sqlite and _BRACKETS.search(shown)):
        return False
    shown = _LOCKS.sub(" ", shown.upper().strip().removesuffix(";"))
    words = _WORD.findall(shown)
    if not words or words[0] not in _OPENINGS or ";" in shown:
        return False
    if words[0] == "EXPLAIN" and not _EXPLAINED.isdisjoint(words):
        return False
    return _WRITES.isdisjoint(words) and _FUNCTIONS.isdisjoint(words)
