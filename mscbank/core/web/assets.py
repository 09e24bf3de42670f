"""Style sheets, scripts and signs are fetched once: their address changes when their content does."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

A_YEAR = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Put a stamp of all assets into their addresses; what carries it, and fonts, a browser keeps."""
    stamp = stamp_of(Path(str(app.static_folder)))

    @app.url_defaults
    def stamped(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values.setdefault("v", stamp)

    @app.after_request
    def kept(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code in (200, 304):
            is_font = request.path.startswith(f"{app.static_url_path}/fonts/")
            if is_font or request.args.get("v") == stamp:
                response.headers["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
        return response


def stamp_of(folder: Path) -> str:
    """A short digest of every file in a folder and its name."""
    told = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            told.update(f"{path.relative_to(folder)}\0".encode())
            told.update(sha256(path.read_bytes()).digest())
    return told.hexdigest()[:12]
