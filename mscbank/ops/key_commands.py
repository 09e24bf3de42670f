"""``mscbank keys``: the ceremonies of the master key as commands."""

import sys
from collections.abc import Callable
from typing import Any

import click

from mscbank.app import connect, load_steps
from mscbank.config import Config
from mscbank.core import masters
from mscbank.core.access import Principal
from mscbank.core.masters import MasterKey
from mscbank.ops import keys as ceremonies
from mscbank.staff import keys

DATABASE = click.option("--database", help="its URL; MSCBANK_DATABASE_URL when missing")


def _ask(question: str) -> str:
    return str(click.prompt(question, err=True, prompt_suffix=":\n"))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _in_force() -> MasterKey:
    found = masters.in_force()
    if found is None:
        raise ceremonies.NotRead("no master key is in force: run `mscbank keys init`")
    return found


def _show(raw: bytes) -> None:
    """Print a key as it goes into the settings; it is kept nowhere."""
    click.echo(f"MSCBANK_MASTER_KEY={masters.write_key(raw)}")


def commands(
    *, settings: Callable[[str | None], Config], reading: Callable[[str | None], Any],
    host: Callable[[], Principal],
) -> click.Group:  # fmt: skip
    """The group of commands, with the ways in which the command line opens a database and names its user."""

    @click.group("keys")
    def group() -> None:
        """The master key that wraps the keys of people: made, restored, changed, checked."""

    @group.command("init")
    @DATABASE
    def init(database: str | None) -> None:
        """Make the first master key (or take the one that is set); live once two shares are read back."""
        found = settings(database)
        key = found.values.get("MSCBANK_MASTER_KEY") or masters.new_key()
        load_steps()
        connect(Config({**found.values, "MSCBANK_MASTER_KEY": key}))
        if masters.in_force() is not None:
            raise ceremonies.NotRead(
                "a master key is in force already: `mscbank keys rotate` puts another in its place"
            )
        ceremonies.go_live(masters.read_key(key), by=host(), ask=_ask, tell=_tell)
        _tell("\nThe key is in force. Put this line where the service finds its secrets, and nowhere else:")
        _show(masters.read_key(key))

    @group.command("restore")
    def restore() -> None:
        """Print the master key that two of its shares give."""
        raw, which = ceremonies.read_key(_ask, _tell)
        _tell(f"Shares {which} give the key {masters.fingerprint_of(raw)}:")
        _show(raw)

    @group.command("rotate")
    @click.option("--finish", is_flag=True, help="end it: the key before opens nothing from here on")
    @click.option("--reason", help="why; it stands in the record")
    @DATABASE
    def rotate(finish: bool, reason: str | None, database: str | None) -> None:
        """Put another master key in the place of the one in force; interrupted, it goes on where it was."""
        reading(database)
        master = _in_force()
        if finish:
            keys.finish(master, by=host(), reason=reason)
            click.echo(f"The key {master.code} stands alone. Destroy the shares of the one before.")
            return
        fresh: bytes | None = None
        if master.finished_at is not None:
            fresh = masters.read_key(masters.new_key())
            master = ceremonies.go_live(fresh, by=host(), ask=_ask, tell=_tell, reason=reason)
        with click.progressbar(length=keys.left(master), label="Wrapping anew", file=sys.stderr) as bar:
            for count in ceremonies.take_over(master, by=host()):
                bar.update(count - bar.pos)
        _tell("Set the new key everywhere, restart every service, then `mscbank keys rotate --finish`.")
        if fresh is not None:
            _show(fresh)

    @group.command("check")
    @click.option("--shares", is_flag=True, help="two holders read their shares: they have to give this key")
    @DATABASE
    def check(shares: bool, database: str | None) -> None:
        """Look whether the key in force opens everything; what was found is signed once a year."""
        reading(database)
        made = ceremonies.check(_in_force(), by=host(), with_shares=shares, ask=_ask, tell=_tell)
        if made.faults:
            click.echo(made.faults)
            _tell("mscbank: the key in force does not open everything")
            raise click.exceptions.Exit(1)
        proven = f"shares {made.shares} give it" if made.shares else "shares were not read"
        click.echo(f"The key {made.master.code} opens the keys of all {made.people} people; {proven}.")

    return group
