"""``python -m infra``: synthesise the stack, look at it, deploy it.

Without an option ``--mrr`` the tier is that of ``CURRENT_MRR``. The CDK takes seconds to load,
so only the commands that need it import it.
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from infra.bundles import PLACEHOLDER, packed
from infra.settings import StackSettings
from infra.template import Template, load
from tallybrook.errors import TallybrookError, UsageError

OUT = Path("build/cdk")

app = App(name="infra", help="The stack in an AWS account.", help_format="plaintext")


@app.command
def synth(settings: StackSettings | None = None, *, out: Path = OUT, build: bool = False) -> None:
    """Check the stack and write its template to a folder. Needs no network and no account.

    Without --build or --bundles the functions hold placeholders, which cannot run.
    """
    from infra.synth import synthesize

    chosen = _complete(settings)
    _say(str(synthesize(_packed(chosen) if build else chosen, out)))


@app.command
def check() -> None:
    """Check the lowest tier, the highest and a stack with everything: cdk-nag and cfn-lint."""
    from infra.linting import findings

    with TemporaryDirectory() as folder:
        found = [*findings(Path(folder))]
    for line in found:
        _say(line)
    if found:
        raise TallybrookError(f"{len(found)} findings")


@app.command
def resources(settings: StackSettings | None = None) -> None:
    """How many of which resource the tier has."""
    found = Counter(made["Type"] for made in _template(settings)["Resources"].values())
    for kind, count in sorted(found.items()):
        _say(f"{count:4}  {kind}")
    _say(f"{found.total():4}  in all")


@app.command
def idle(settings: StackSettings | None = None) -> None:
    """What a month costs in which nothing happens."""
    from infra.idle import idle_cost
    from tallybrook.costs.prices import prices

    found, known = idle_cost(_template(settings)), prices()
    _say(f"USD a month, {known.region}, list prices of {known.as_of}")
    _say(f"{'':28}{'listed':>10}{'to pay':>10}")
    for line in found.lines:
        amounts = f"{line.listed_usd:10.2f}{line.payable_usd:10.2f}"
        _say(f"{line.what:28}{amounts}   {line.quantity:,.0f} x {line.unit}")
    _say(f"{'in all':28}{found.listed_usd:10.2f}{found.payable_usd:10.2f}")


@app.command
def deploy(settings: StackSettings | None = None, *, out: Path = OUT) -> None:
    """Synthesise, then make or update the stack in the account of the environment."""
    from infra.deploying import deploy as deploy_stack
    from infra.synth import synthesize

    chosen = _packed(_complete(settings))
    synthesize(chosen, out)
    for name, value in sorted(deploy_stack(out, chosen.stack).items()):
        _say(f"{name:24}{value}")


@app.command
def remove(stack: str = "tallybrook") -> None:
    """Delete the stack. Tables and bucket stay unless it was made with --no-keep-data."""
    from infra.deploying import remove as remove_stack

    remove_stack(stack)


@app.command
def snapshot() -> None:
    """Write what the tests compare templates with; look at the difference before committing."""
    from infra import rights, snapshot

    with TemporaryDirectory() as folder:
        templates = snapshot.every_tier(Path(folder), PLACEHOLDER)
    snapshot.FOLDER.mkdir(parents=True, exist_ok=True)
    texts = snapshot.snapshots(templates)
    texts["rights.txt"] = rights.as_text(templates[max(templates)])
    for name, text in texts.items():
        (snapshot.FOLDER / name).write_text(text, "utf-8")


def _packed(settings: StackSettings) -> StackSettings:
    return settings if settings.bundles else replace(settings, bundles=packed(settings))


def _complete(settings: StackSettings | None) -> StackSettings:
    return settings or StackSettings()


def _template(settings: StackSettings | None) -> Template:
    from infra.synth import synthesize

    chosen = replace(_complete(settings), bundles=PLACEHOLDER)
    with TemporaryDirectory() as folder:
        return load(synthesize(chosen, Path(folder), checked=False))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    try:
        app()
    except TallybrookError as error:
        sys.stderr.write(f"infra: {error.detail}\n")
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()
