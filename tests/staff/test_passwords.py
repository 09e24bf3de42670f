"""Passwords are judged by NIST SP 800-63B-4: by length and by lists, never by kinds of characters or age."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mscbank.app import connect
from mscbank.config import Unsafe, for_demonstration
from mscbank.core.errors import Invalid
from mscbank.staff import passwords, secrets

STOLEN = "the cat sat on my mat"


def digest(secret: str) -> str:
    return hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.fixture(autouse=True)
def _no_list():
    yield
    passwords.open_breached("")


def words(secret: str, login: str = "bruno", name: str = "Bruno Lang") -> str:
    fault = passwords.fault_of(login, secret, name)
    return str(fault) if fault else ""


@pytest.mark.parametrize("secret", ["", "short", "x" * 14, "fourteen marks", "x" * 257, "é" * 14])
def test_it_has_fifteen_characters_and_no_more_than_are_hashed(secret: str):
    assert "15 to 256 characters" in words(secret)
    with pytest.raises(Invalid) as caught:
        passwords.judge("bruno", secret)
    assert set(caught.value.faults) == {"password"}


@pytest.mark.parametrize(
    "secret",
    [
        "aaaaaaaaaaaaaaaaaaaa", "abababababababab", "123456789012345", "098765432109876543",
        "qwertyuiopasdfgh", "azertyuiopqsdfghj", "zyxwvutsrqponmlk", "passwordpassword", "PASSWORDpassword",
        "iloveyouiloveyouilov", "password2026!!!!!!", "123456789987654321", "1qaz2wsx3edc4rfv",
        "  sunshine 2026  ", "letmein letmein",
    ],
)  # fmt: skip
def test_what_is_tried_first_is_refused(secret: str):
    assert "too easy to guess" in words(secret)


@pytest.mark.parametrize(
    ("secret", "login", "name"),
    [
        ("bruno drinks tea at ten", "bruno", "B. L."), ("I am BRUNO, hi there", "bruno", "B. L."),
        ("our friend Ferreira sings", "tf", "Tomás Ferreira"), ("mscbank is where I work", "bruno", "B. L."),
        ("tomás eats an apple", "tf", "Tomás Ferreira"),
    ],
)  # fmt: skip
def test_the_person_and_the_service_are_tried_first_too(secret: str, login: str, name: str):
    assert "your name, your log-in or the name of this service" in words(secret, login, name)


@pytest.mark.parametrize(
    "secret",
    [
        "correct horse battery", "Ünicode ist erlaubt", "12 34 56 78 90 11 43", "three words only now",
        "lower case letters do", "🐈 cats and 🐕 dogs", "x" * 5 + "yzabcdefuvwq", "a" * 60 + " bcde",
    ],
)  # fmt: skip
def test_any_characters_make_a_password(secret: str):
    assert words(secret) == ""


def test_sixty_four_and_more_are_possible():
    assert words("seven bright words stand here in a row, and then some more of them, up to the end") == ""


def test_a_short_log_in_may_occur_in_a_word():
    assert words("aquatic plants grow slowly", "qa", "Q A") == ""


@given(st.text(min_size=15, max_size=200, alphabet=st.characters(exclude_categories=("Cs", "Cc"))))
def test_every_accepted_password_opens(secret: str):
    if passwords.fault_of("bruno", secret) is not None:
        return
    secrets.set_cost(8, 1)
    assert secrets._verify(secrets._hasher().hash(secret), secret)
    assert not secrets._verify(secrets._hasher().hash(secret), secret + "x")


def lines(count: int = 500) -> list[str]:
    return sorted(f"{digest(f'stolen {n}')}:{n + 1}" for n in range(count))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
@pytest.mark.parametrize("cut", [40, 20])
def test_each_line_of_a_breached_list_is_found_and_nothing_else(
    tmp_path: Path, end: str, last: str, cut: int
):
    kept = [line[:cut] if cut < 40 else line for line in lines()]
    path = tmp_path / "pwned.txt"
    path.write_bytes((end.join(kept) + last).encode())
    passwords.open_breached(str(path))
    assert all(passwords.is_breached(f"stolen {n}") for n in range(500))
    assert not any(passwords.is_breached(f"not stolen {n}") for n in range(500))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_very_short_list_is_searched_too(tmp_path: Path, count: int):
    path = tmp_path / "pwned.txt"
    path.write_text("\n".join(lines(count)))
    passwords.open_breached(str(path))
    assert [passwords.is_breached(f"stolen {n}") for n in range(4)] == [n < count for n in range(4)]


@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_the_folder_of_ranges_is_read(tmp_path: Path, suffix: str):
    sought = digest(STOLEN)
    (tmp_path / f"{sought[:5]}{suffix}").write_text(f"{'0' * 35}:4\r\n{sought[5:]}:12\r\n")
    passwords.open_breached(str(tmp_path))
    assert "stolen elsewhere" in words(STOLEN)
    assert words("the dog sat on my mat") == ""


@pytest.mark.parametrize(
    "text", ["", "hello\n", "\n".join(reversed(lines())), "\n".join([*lines(), "no digest at all"])]
)
def test_what_is_no_such_list_is_refused_at_the_start(tmp_path: Path, text: str):
    path = tmp_path / "pwned.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match="."):
        passwords.open_breached(str(path))


@pytest.mark.parametrize("made", [False, True])
def test_the_service_does_not_start_with_a_list_that_it_cannot_read(tmp_path: Path, made: bool):
    folder = tmp_path / "ranges"
    if made:
        folder.mkdir()
    settings = for_demonstration("sqlite://", {"MSCBANK_BREACHED_PASSWORDS": str(folder)})
    with pytest.raises(Unsafe, match="MSCBANK_BREACHED_PASSWORDS"):
        connect(settings)
