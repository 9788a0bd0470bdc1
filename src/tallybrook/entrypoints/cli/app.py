"""The commands and their common help. Modules named here import nothing heavy at the top."""

from cyclopts import App, Parameter

from tallybrook import __version__
from tallybrook.entrypoints.cli import (
    agreement,
    alerts,
    costs,
    demo,
    doctor,
    entities,
    failed,
    files,
    forward,
    ingest,
    keys,
    lake,
    privacy,
    queries,
    query,
    recount,
    runs,
    schedules,
    score,
    serve,
    simulate,
    tiers,
)

HELP = "Analytics a small team owns: events in, live counts and SQL out."

EXAMPLES = """Examples:
  tallybrook demo          live numbers from real data, nothing to set up
  tallybrook serve         the product on http://127.0.0.1:8090
  tallybrook ingest shop.csv.gz --map event_type=event
  tallybrook query --full-scan "SELECT event_type, count(*) FROM events GROUP BY 1"

Commands that talk to a running product read TALLYBROOK_URL and TALLYBROOK_KEY.
Exit codes: 0 done, 1 failed or rejected something, 2 wrong command line."""

app = App(
    name="tallybrook",
    help=HELP,
    help_epilogue=EXAMPLES,
    help_format="plaintext",
    version=__version__,
    default_parameter=Parameter(negative=()),
)
app.command(serve.serve, help_epilogue=serve.EXAMPLES)
app.command(demo.demo, help_epilogue=demo.EXAMPLES)
app.command(ingest.ingest, help_epilogue=ingest.EXAMPLES)
app.command(query.query, help_epilogue=query.EXAMPLES)
app.command(recount.recount, help_epilogue=recount.EXAMPLES)
app.command(score.score, help_epilogue=score.EXAMPLES)
app.command(agreement.agreement, help_epilogue=agreement.EXAMPLES)
app.command(simulate.simulate, help_epilogue=simulate.EXAMPLES)
app.command(alerts.app)
app.command(entities.app)
app.command(doctor.doctor, help_epilogue=doctor.EXAMPLES)
app.command(costs.app)
app.command(tiers.app)
app.command(queries.app)
app.command(runs.app)
app.command(schedules.schedules, help_epilogue=schedules.EXAMPLES)
app.command(failed.app)
app.command(files.app)
app.command(forward.app)
app.command(keys.app)
app.command(lake.app)
app.command(privacy.app)
