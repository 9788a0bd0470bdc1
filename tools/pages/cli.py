"""docs/reference/cli.md from the command line itself."""

from tallybrook.entrypoints.cli.app import app

INTRO = """# Command line

`tallybrook COMMAND --help` says the same with examples. Results go to standard output, everything
else to standard error. Exit codes: 0 done; 1 failed, or something was rejected or differs; 2 the
command line cannot be followed; 130 interrupted. `NO_COLOR` turns colours off.

"""


def page() -> str:
    generated = app.generate_docs(heading_level=2)
    _, _, commands = generated.partition("**Commands**:")
    return INTRO + commands.strip() + "\n"
