"""The commands. Exit 0: done; 1: something wrong was found (`verify`); 2: refused or wrong input."""

import getpass
import json
import re
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import click
from sqlalchemy import select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from mscbank.app import connect, load_steps
from mscbank.config import Config, Unsafe, for_demonstration, fresh_secrets, from_environment
from mscbank.core import checkpointing, clock, jobs, keeping, masters, schema, ways
from mscbank.core import verify as proof
from mscbank.core.access import Principal, Role, operator
from mscbank.core.acts import Action
from mscbank.core.checkpoint_check import proof_fault, proof_words
from mscbank.core.checkpoints import (
    ALGORITHMS,
    FIRST,
    Checkpoint,
    SigningKey,
    change_key,
    kept_form,
    key_in_use,
)
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.version import VERSION
from mscbank.core.web.scan import resolve
from mscbank.ops import catalogue, key_commands, serving
from mscbank.ops import docs as generated
from mscbank.ops.demo import command
from mscbank.ops.demo.published import FAMILIES
from mscbank.ops.keys import NotRead
from mscbank.safety.report import report_lines
from mscbank.staff import actions, enrolling, passwords, secrets
from mscbank.staff.models import LOGIN, User
from mscbank.study.models import Protocol
from mscbank.trace import story
from mscbank.trace.api import as_json


def stop(sentence: str, code: int = 2) -> NoReturn:
    """One line, and out."""
    click.echo(f"mscbank: {sentence}", err=True)
    sys.exit(code)


ACT = re.compile(r"[0-9A-Fa-f]{8,32}")


def host() -> Principal:
    """Whoever sits at the host's command line."""
    return operator(getpass.getuser())


@click.group()
@click.version_option(VERSION)
def cli() -> None:
    """Track cell products from a family donor to a patient and back."""


def settings(database: str | None) -> Config:
    """The settings, with the database of the command line where one is given."""
    return from_environment(None, **({"MSCBANK_DATABASE_URL": database} if database else {}))


def opened(database: str | None) -> Config:
    """Load the steps and open the database."""
    config = settings(database)
    load_steps()
    connect(config)
    return config


def done(action: Action, *subject: Any, **inputs: Any) -> Any:
    """Do an operator's action; what is refused is one line and exit 2."""
    return action(*subject, by=host(), **inputs)


def main() -> None:
    """The entrance of the ``mscbank`` command."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.ClickException as error:
        stop(error.format_message())
    except click.Abort:
        stop("stopped")
    except Refused as refused:
        faults = "; ".join(f"{name}: {' '.join(map(str, text))}" for name, text in refused.faults.items())
        stop(faults or refused.sentence)
    except (Unsafe, masters.Closed, NotRead) as unsafe:
        stop(str(unsafe))
    except (ArgumentError, NoSuchModuleError):
        stop("this is no database URL; one looks like postgresql://role@host/name or sqlite:////path/file")
    except DBAPIError as error:
        stop(f"the database cannot be used: {first_line(error.orig)}")
    except OSError as error:
        stop(f"{error.filename or 'a file'}: {error.strerror or error}")
    finally:
        close()


def first_line(error: object) -> str:
    """The first line of what a driver says; the rest is for developers."""
    return str(error).strip().split("\n", 1)[0]


def close() -> None:
    """Let go of the database, whatever state it is in."""
    with suppress(SQLAlchemyError):
        session.remove()


@cli.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@click.option(
    "--database", help="the owner's URL; MSCBANK_MIGRATION_URL or MSCBANK_DATABASE_URL when missing"
)
@click.option("--service-role", help="PostgreSQL: the role of the service, which owns nothing")
@click.option("--name", default="mscbank", help="name of the installation")
@click.option("--zone", default="Europe/Paris", help="IANA time zone of the installation")
@click.option("--prefix", default="00", help="two symbols that tell this installation's codes from others'")
def upgrade(database: str | None, service_role: str | None, name: str, zone: str, prefix: str) -> None:
    """Bring the database to this version's schema."""
    load_steps()
    config = settings(None)
    url = database or config.values.get("MSCBANK_MIGRATION_URL") or config["MSCBANK_DATABASE_URL"]
    try:
        schema.upgrade(url, service_role=service_role, name=name, zone=zone, prefix=prefix)
    except ValueError as error:
        stop(str(error))
    click.echo("The database stands at this version.")


@cli.group()
def user() -> None:
    """People and their accounts."""


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="the name as printed")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), help="repeatable"
)
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--database")
def add(login: str, name: str, roles: tuple[str, ...], password: str, database: str | None) -> None:
    """Give somebody an account: the way to the first administrator."""
    opened(database)
    passwords.judge(login, password, printed_name=name)
    made = done(actions.register, login=login, printed_name=name)
    for role in roles:
        done(actions.grant_role, made, role=Role(role))
    secrets.prepare(login, password)
    done(actions.set_password, made)
    click.echo(f"{name} may sign in as {login}: {', '.join(roles) or 'no role yet'}.")


@user.command("reset-factor")
@click.argument("login")
@click.option("--reason", required=True, help="why it is taken away, for the record")
@click.option("--database")
def reset_factor(login: str, reason: str, database: str | None) -> None:
    """Take away the second factor of somebody who lost it, where no administrator can."""
    opened(database)
    found = session.scalar(select(User).where(User.code == login)) if LOGIN.fullmatch(login) else None
    if found is None:
        stop(f"nobody has the log-in {login}")
    done(enrolling.reset_factors, found, reason=reason)
    click.echo(f"{found.printed_name} has no second factor any more.")


@cli.command("secrets")
def new_secrets() -> None:
    """Print fresh secrets for an installation; they are kept nowhere."""
    for name, value in fresh_secrets().items():
        click.echo(f"{name}={value}")


def checkout() -> Path:
    """The folder of the sources; a wheel has none."""
    root = schema.PACKAGE.parent
    if not (root / "pyproject.toml").is_file():
        stop("this needs a checkout of the sources")
    load_steps()
    return root


def tell(files: list[str], *, check: bool, mend: str) -> None:
    """Say what was written, or with ``check`` what is not current, and how to mend it."""
    for file in files:
        click.echo(f"{'not current' if check else 'written'}: {file}")
    if check and files:
        stop(f"the code says something else; mend it with {mend}", 1)


@cli.command("docs")
@click.option("--check", is_flag=True, help="write nothing; exit 1 when a page is not current")
def write_docs(check: bool) -> None:
    """Write the pages of docs/ that are read off the code (needs the sources)."""
    folder = checkout() / "docs"
    tell(generated.stale(folder) if check else generated.write(folder), check=check, mend="./run fix")


@cli.command("translations")
@click.option("--check", is_flag=True, help="write nothing; exit 1 when a catalogue is not in step")
def write_translations(check: bool) -> None:
    """Bring the catalogues of sentences in step with the sources, and compile them."""
    root = checkout()
    found = catalogue.stale(root) if check else catalogue.write(root)
    tell([str(file.relative_to(root)) for file in found], check=check, mend="./run fix")
    for language in catalogue.LANGUAGES:
        translated, sentences = catalogue.count(root, language)
        click.echo(f"{language}: {translated} of {sentences} sentences translated")


@cli.command()
def serve() -> None:
    """Serve pages and API, with the clockwork beside them."""
    serving.serve(settings(None))


@cli.command()
@click.option("--database", help="SQLite or PostgreSQL; a file under ./var when missing")
@click.option("--no-serve", is_flag=True, help="build it only")
@click.option("--anew", is_flag=True, help="build it again from nothing")
@click.option("--bind", help="where to listen; 127.0.0.1:8470 when missing")
def demo(database: str | None, no_serve: bool, anew: bool, bind: str | None) -> None:
    """Build the demonstration, a study of the published shape replayed, and serve it on this machine."""
    url = command.address(database)
    steps = len(FAMILIES) + 1
    if command.stands(url) and not anew:
        config = for_demonstration(url)
    else:
        with click.progressbar(length=steps, label="Replaying the study", file=sys.stderr) as bar:
            config = command.ensure(url, lambda _line: bar.update(1), anew=anew)
            bar.update(steps - bar.pos)
    if bind:
        config = Config({**config.values, "MSCBANK_BIND": bind}, demonstration=True)
    if no_serve:
        click.echo(f"The demonstration stands in {url}.")
        return
    for line in command.greeting(config):
        click.echo(line)
    serving.serve(config)


def reading(database: str | None) -> None:
    """Open a database to read it: a demonstration by its built-in keys, any other by the settings."""
    url = database or from_environment().values.get("MSCBANK_DATABASE_URL") or command.address(None)
    load_steps()
    connect(for_demonstration(url) if command.stands(url, refuse=False) else settings(url))


@cli.command()
@click.option("--database")
@click.option("--json", "as_lines", is_flag=True, help="one JSON object a finding")
@click.option(
    "--against", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="a checkpoint that was kept outside; repeatable",
)  # fmt: skip
def verify(database: str | None, as_lines: bool, against: tuple[Path, ...]) -> None:
    """Recompute every chain and hold every row against its acts; exit 1 when something does not hold."""
    reading(database)
    found = 0
    kept = [ways.read(file) for file in against]
    for one in proof.findings(progress=lambda what: click.echo(f"… {what}", err=True), against=kept):
        found += 1
        line = {"check": one.check, "kind": one.kind, "code": one.code, "finding": one.sentence}
        click.echo(json.dumps(line) if as_lines else f"{one.line} [{one.check}]")
    if found:
        stop(f"{found} findings: the record does not hold", 1)
    size = proof.size()
    told = "{entries} entries in {chains} chains, {signatures} signatures, {checkpoints} checkpoints"
    told = told.format(**size)
    click.echo(f"Everything holds: {told}.")


@cli.group()
def checkpoint() -> None:
    """Checkpoints: the whole record under one signed hash, kept outside."""


@checkpoint.command("make")
@click.option("--database")
def make_checkpoint(database: str | None) -> None:
    """Make a checkpoint now and keep it outside; the clockwork does so by itself."""
    reading(database)
    made = checkpointing.make()
    keeping.keep()
    click.echo(f"Checkpoint {made} is made." if made else "Nothing has happened since the last checkpoint.")


@checkpoint.command("show")
@click.argument("number", required=False, type=click.IntRange(1, 2**63 - 1))
@click.option("--database")
def show_checkpoint(number: int | None, database: str | None) -> None:
    """Print a checkpoint, the last one when no number is given, as it is kept outside."""
    reading(database)
    asked = select(Checkpoint).order_by(Checkpoint.number.desc()).limit(1)
    found = session.scalar(asked if number is None else asked.where(Checkpoint.number == number))
    if found is None:
        stop("there is no checkpoint yet" if number is None else f"there is no checkpoint {number}")
    click.echo(json.dumps(kept_form(found), indent=1, sort_keys=True))


@checkpoint.command("prove")
@click.argument("code", required=False)
@click.option("--entry", type=click.IntRange(1), help="only this entry of the code's chain, by its number")
@click.option("--act", help="only this entry, by its act or the first 8 digits of it or more")
@click.option("--database")
def prove(code: str | None, entry: int | None, act: str | None, database: str | None) -> None:
    """Print the proof that entries stand in checkpoints: all about a code, chain by chain, or one alone."""
    if (code is None) is (act is None) or (act is not None and entry is not None):
        stop("say the code, with --entry for one of its entries, or else --act")
    reading(database)
    if act is not None:
        shown = checkpointing.proof_of_entry(read_act(act))
    else:
        thing = read_text(code or "")
        if entry is None:
            shown = checkpointing.proof_of(thing.kind, thing.code)
        else:
            row = checkpointing.entry_of(thing.kind, thing.code, min(entry, 2**63 - 1))
            if row is None:
                stop(f"the chain of {thing.code} has no entry {entry}")
            shown = checkpointing.proof_of_entry(row)
    if not shown["proofs"]:
        stop("no checkpoint covers it yet; make one with mscbank checkpoint make")
    click.echo(json.dumps(shown, indent=1, sort_keys=True))


@checkpoint.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check_proof(file: Path) -> None:
    """Check a proof by itself, without any database; exit 1 when it does not hold."""
    proofs = ways.read(file).get("proofs")
    if not isinstance(proofs, list) or not proofs:
        stop("this is no proof", 1)
    for shown in proofs:
        if (why := proof_fault(shown)) is not None:
            stop(why, 1)
    for shown in proofs:
        click.echo(proof_words(shown))


@checkpoint.command("change-key")
@click.option("--next-key", prompt=True, hide_input=True, help="the key that follows, in base64")
@click.option("--algorithm", type=click.Choice(list(ALGORITHMS)), help="another algorithm from here on")
@click.option("--reason", required=True, help="why; it stands in the record")
@click.option("--database")
def change_checkpoint_key(next_key: str, algorithm: str | None, reason: str, database: str | None) -> None:
    """Hand over to another key, or to another algorithm with the whole record hashed anew."""
    reading(database)
    try:
        following = SigningKey(next_key)
    except ValueError:
        stop("this is no key: 32 bytes in base64, as `mscbank secrets` prints it")
    used = key_in_use()
    name = algorithm or (used.algorithm if used is not None else FIRST.name)
    change_key(following, algorithm=name, by=host(), reason=reason)
    click.echo(f"From here the key {following.fingerprint} signs: set MSCBANK_CHECKPOINT_KEY and restart.")


@cli.command()
@click.option("--once", is_flag=True, help="one round, then stop")
@click.option("--database")
def work(once: bool, database: str | None) -> None:
    """Run the clockwork: deliver messages, run what is due. `serve` starts one by itself."""
    opened(database)
    jobs.work(once=once)


@cli.command()
@click.argument("login")
@click.option("--label", required=True)
@click.option("--scopes", default="read write")
@click.option("--days", default=90, type=click.IntRange(1, 366))
@click.option("--device", is_flag=True, help="for an instrument: readings only")
@click.option("--database")
def token(login: str, label: str, scopes: str, days: int, device: bool, database: str | None) -> None:
    """Give an account an API token; it is printed once."""
    opened(database)
    user = session.scalar(select(User).where(User.code == login))
    if user is None:
        stop(f"there is no account {login}")
    made, kept = actions.new_token()
    done(
        actions.issue_token, user, label=label, scopes=scopes, token_hash=kept,
        expires_at=clock.now() + timedelta(days=days), is_device=device,
    )  # fmt: skip
    click.echo(made)


@cli.command()
@click.argument("code")
@click.option("--database")
def trace(code: str, database: str | None) -> None:
    """Show the whole way of any code, as JSON."""
    reading(database)
    thing = read_text(code)
    click.echo(json.dumps(as_json(story.tell((thing.kind, thing.code))), ensure_ascii=False, indent=2))


@cli.group()
def report() -> None:
    """Reports."""


@report.command("safety")
@click.argument("registry_id", default="NCT02213705")
@click.option("--database")
def safety_report(registry_id: str, database: str | None) -> None:
    """Print the safety report of a protocol, counted from the rows."""
    reading(database)
    protocol = session.scalar(select(Protocol).where(Protocol.registry_id == registry_id))
    if protocol is None:
        stop(f"there is no protocol {registry_id}")
    for line in report_lines(protocol):
        click.echo(line)


cli.add_command(key_commands.commands(settings=settings, reading=reading, host=host))


def read_act(text: str) -> Any:
    """The entry of an act, by its digits or the first of them; one line and exit 2 otherwise."""
    if not ACT.fullmatch(text):
        stop("an act has 32 hexadecimal digits: give them, or the first 8 or more")
    found = checkpointing.entries_called(text.lower())
    if len(found) != 1:
        stop(f"{'several acts begin' if found else 'no act begins'} with {text}")
    return found[0]


def read_text(text: str) -> Any:
    """The thing behind a code, DIN or wristband; one line and exit 2 when there is none."""
    found = resolve(text)
    if found.thing is None:
        stop(found.reason or "nothing here has this code")
    return found.thing
