"""What a file is, told by its own bytes: few kinds are taken, each whole from its first byte to its last.

The table is small on purpose. What a browser or an office program could run (HTML, SVG, scripts, archives,
documents with macros) is of no kind that is taken. How each begins and ends: ISO 32000-1, 7.5 (PDF);
W3C PNG, 5; ITU-T T.81, B.1 (JPEG); TIFF 6.0, 2; ISAC FCS 3.1, 2.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Media(StrEnum):
    """The kinds of files that are taken."""

    PDF = "application/pdf"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    FCS = "application/vnd.isac.fcs"
    TEXT = "text/plain"


@dataclass(frozen=True)
class Kind:
    """How files of a kind begin, whether one is whole, and what they may be called."""

    media: Media
    starts: tuple[bytes, ...]
    is_whole: Callable[[bytes], bool]
    endings: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Other types that programs send for it."""
    is_shown: bool = False
    """Whether a browser may show it in its window; anything else is only downloaded."""


PNG_START = b"\x89PNG\r\n\x1a\n"
SPACE = b" \t\r\n\0"


def _whole_png(content: bytes) -> bool:
    """Chunk after chunk to the one that ends it, which is the last: nothing hides behind."""
    at = len(PNG_START)
    while at + 12 <= len(content):
        length, name = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if at == len(PNG_START) and name != b"IHDR":
            return False
        at += 12 + length
        if name == b"IEND":
            return at == len(content)
    return False


def _whole_jpeg(content: bytes) -> bool:
    return content.rstrip(b"\0").endswith(b"\xff\xd9")


def _whole_pdf(content: bytes) -> bool:
    return content.rstrip(SPACE).endswith(b"%%EOF")


_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_RUNS = re.compile(
    r"<(!doctype|\?|html|head|body|script|svg|iframe|object|embed|style|a\s|img)", re.IGNORECASE
)
LOOKED_AT = 4096
"""Characters in which markup is looked for; browsers that guess look at fewer."""


def _whole_text(content: bytes) -> bool:
    """Text in UTF-8 that no browser could take for markup and no shell for a script."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    if _CONTROLS.search(text) or text.lstrip().startswith(("<", "#!", "%!")):
        return False
    return not _RUNS.search(text[:LOOKED_AT])


KINDS = (
    Kind(Media.PDF, (b"%PDF-1.", b"%PDF-2."), _whole_pdf, (".pdf",), ("application/x-pdf",), is_shown=True),
    Kind(Media.PNG, (PNG_START,), _whole_png, (".png",), is_shown=True),
    Kind(Media.JPEG, (b"\xff\xd8\xff",), _whole_jpeg, (".jpg", ".jpeg"), ("image/jpg",), is_shown=True),
    Kind(Media.TIFF, (b"II*\0", b"MM\0*"), lambda _content: True, (".tif", ".tiff")),
    Kind(Media.FCS, (b"FCS2.0", b"FCS3.0", b"FCS3.1", b"FCS3.2"), lambda _content: True, (".fcs",)),
    Kind(Media.TEXT, (b"",), _whole_text, (".txt", ".csv", ".tsv"),
         ("text/csv", "text/tab-separated-values", "application/csv", "application/vnd.ms-excel")),
)  # fmt: skip
"""In the order in which they are tried."""

UNSAID = ("", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded")
"""Declared types that say nothing: then the ending alone has to fit."""

_ACTIVE = re.compile(
    rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData|GoToE|Rendition)(?![A-Za-z])"
)


def sniffed(content: bytes) -> Kind | None:
    """The kind of a file by its bytes; ``None`` when it is of no kind that is taken, or not whole."""
    found = next((kind for kind in KINDS if content.startswith(kind.starts)), None)
    return found if found is not None and content and found.is_whole(content) else None


def fits(kind: Kind, name: str, declared: str) -> bool:
    """Whether a file's name, and the type that was said of it, are those of its kind."""
    said = declared.partition(";")[0].strip().lower()
    ending = "." + name.rpartition(".")[2].lower() if "." in name else ""
    return ending in kind.endings and said in (*UNSAID, kind.media.value, *kind.also)


def is_shown(media: Media, content: bytes) -> bool:
    """Whether a browser may show it: a picture, or a PDF in which no action stands to be read."""
    kind = next(kind for kind in KINDS if kind.media is media)
    return kind.is_shown and not (media is Media.PDF and _ACTIVE.search(content))


def words() -> str:
    """The endings that are taken, as a sentence lists them."""
    return ", ".join(ending.removeprefix(".") for kind in KINDS for ending in kind.endings)
