"""Everything was right: a session of its own in a new cookie, and on to the page that was wanted."""

from datetime import datetime

from flask import redirect, request
from flask import session as cookie
from werkzeug.wrappers import Response

from mscbank.staff import people, sessions
from mscbank.staff.again import COOKIE, ours


def enter(
    login: str, following: str, *, begun_by: str = people.PASSWORD,
    authenticated_at: datetime | None = None, is_strong: bool = False,
) -> Response:  # fmt: skip
    """Open a session; the one that this browser had ends, and its cookie is made anew."""
    language = cookie.get("language")
    if before := cookie.get(COOKIE):
        people.end_session(before)
    cookie.clear()
    if language:
        cookie["language"] = language
    browser = sessions.browser_of(request.user_agent.string)
    cookie[COOKIE] = people.open_session(
        login, request.remote_addr or "-", browser, begun_by=begun_by, authenticated_at=authenticated_at,
        is_strong=is_strong,
    )  # fmt: skip
    return redirect(ours(following))
