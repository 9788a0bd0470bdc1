"""From choices to a folder with the template and what it needs."""

from pathlib import Path

from infra.settings import StackSettings
from tallybrook.errors import TallybrookError


def synthesize(
    settings: StackSettings, out: Path, *, checked: bool = True, staged: bool = True
) -> Path:
    """Write the cloud assembly into ``out`` and give the template's path. No network.

    Raises ``TallybrookError`` when cdk-nag or the CDK's own validation finds something that is not
    accepted, unless ``checked`` is False: both take most of the time. The bundles are copied into
    ``out``, unless ``staged`` is False: then it names them where they are.
    """
    # The CDK takes two seconds to load: only who synthesises waits for it.
    import aws_cdk as cdk

    from infra.checks import check
    from infra.stack import TallybrookStack

    app = cdk.App(
        outdir=str(out),
        analytics_reporting=False,
        builtin_cloud_formation_validation=checked,
        context={} if staged else {"aws:cdk:disable-asset-staging": True},
    )
    stack = TallybrookStack(app, settings)
    if checked:
        check(app, stack)
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        # The CDK has written the findings to the terminal by now.
        raise TallybrookError("cdk-nag found what infra/checks.py does not accept") from None
    return out / f"{settings.stack}.template.json"
