"""Where a request comes from: only our own pages may change anything, only our own names are answered to.

Browsers say where a request was started (``Sec-Fetch-*``, ``Origin``); programs say nothing and carry a
token. The rules are those of W3C Fetch Metadata and OWASP ASVS v5.0.0-3.5.1 to 3.5.3; they stand beside
the token of each form and the ``SameSite`` of the cookie, so that no single one has to hold alone.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.sansio.utils import host_is_trusted

SAFE = ("GET", "HEAD", "OPTIONS")
OURS = (None, "same-origin", "none")


def is_known(host: str, hosts: list[str]) -> bool:
    """Whether ``host`` is one of ``hosts``, whatever its port; any well-formed one when none is named."""
    return host_is_trusted(host, hosts)


def is_foreign(method: str, headers: Mapping[str, str] | Headers, host: str) -> bool:
    """Whether another site started this request and may not.

    What changes something comes from our own pages. What only reads may also be a link that somebody
    followed from elsewhere, but no frame, picture, script or call of another site.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if method in SAFE:
        is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
        return site not in OURS and not is_link
    return site not in OURS or (origin is not None and _host_of(origin) != host)


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
