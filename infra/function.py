"""The functions: each with a role of its own, a log group of its own, and nothing shared."""

from pathlib import Path

from aws_cdk import AssetHashType, Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.arns import Arns
from infra.bundles import folder_of, handler_of
from infra.bundling import digest
from infra.functions import STARTS_RUNS, FunctionSpec, environment, functions_of, memory_mb
from infra.permissions import LISTING_STREAMS, PERMISSIONS, READS_STREAMS, TRACING
from infra.settings import StackSettings

KEEP_LOGS = logs.RetentionDays.ONE_MONTH
ALWAYS_WARM = {"http": 2}
"""Instances kept warm in the tier that pays for it."""

_ARCHITECTURES = {
    "arm64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}


def workflow_arn(stack: str) -> str:
    """The state machine, by its name: it calls a function, and functions start it."""
    place = [Aws.PARTITION, "states", Aws.REGION, Aws.ACCOUNT_ID, "stateMachine"]
    return Fn.join(":", ["arn", *place, f"{stack}-workflow"])


def function_arn(stack: str, name: str) -> str:
    """A function, by its name: another one calls it."""
    place = [Aws.PARTITION, "lambda", Aws.REGION, Aws.ACCOUNT_ID, "function"]
    return Fn.join(":", ["arn", *place, f"{stack}-{name}"])


class Functions(Construct):
    """``by_name`` are the functions; ``target`` what a trigger calls (an alias where warm)."""

    def __init__(
        self, scope: Construct, settings: StackSettings, arns: Arns, bucket: str, sockets_url: str
    ) -> None:
        super().__init__(scope, "Functions")
        self._settings = settings
        self._arns = arns
        self.log_groups: dict[str, logs.LogGroup] = {}
        self.by_name = {
            spec.name: self._function(spec, bucket, sockets_url) for spec in functions_of(settings)
        }
        self._aliases = self._warm() if settings.tier.provisioned else {}

    def target(self, name: str) -> lambda_.IFunction:
        return self._aliases.get(name) or self.by_name[name]

    def _warm(self) -> dict[str, lambda_.IFunction]:
        return {
            name: lambda_.Alias(
                self,
                f"{name.capitalize()}Warm",
                alias_name="warm",
                version=self.by_name[name].current_version,
                provisioned_concurrent_executions=count,
            )
            for name, count in ALWAYS_WARM.items()
        }

    def _function(self, spec: FunctionSpec, bucket: str, sockets_url: str) -> lambda_.Function:
        settings, name = self._settings, spec.name.capitalize()
        variables = environment(spec, settings, bucket)
        if spec.name in STARTS_RUNS:
            variables["TALLYBROOK_WORKFLOW"] = workflow_arn(settings.stack)
        if spec.sockets:
            variables["TALLYBROOK_SOCKETS_URL"] = sockets_url
        group = self._log_group(spec.name)
        return lambda_.Function(
            self,
            name,
            function_name=f"{settings.stack}-{spec.name}",
            description=f"Tallybrook. {spec.about}",
            runtime=lambda_.Runtime(f"python{settings.python}", lambda_.RuntimeFamily.PYTHON),
            architecture=_ARCHITECTURES[settings.arch],
            handler=handler_of(spec.name),
            code=_code(folder_of(spec.name, settings)),
            memory_size=memory_mb(spec, settings),
            timeout=Duration.seconds(spec.timeout_s),
            environment=variables,
            role=self._role(spec.name, group).without_policy_updates(),
            log_group=group,
            tracing=lambda_.Tracing.ACTIVE if settings.tier.xray else lambda_.Tracing.PASS_THROUGH,
            reserved_concurrent_executions=settings.tier.reserved_concurrency.get(
                spec.tier_name or spec.name
            ),
        )

    def _log_group(self, name: str) -> logs.LogGroup:
        group = logs.LogGroup(
            self,
            f"{name.capitalize()}Log",
            log_group_name=f"/aws/lambda/{self._settings.stack}-{name}",
            retention=KEEP_LOGS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.log_groups[name] = group
        return group

    def _role(self, name: str, group: logs.LogGroup) -> iam.Role:
        statements = [
            iam.PolicyStatement(actions=list(grant.actions), resources=found)
            for grant in PERMISSIONS[name]
            if (found := self._arns.of(grant.resources))
        ]
        statements.append(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[group.log_group_arn],
            )
        )
        statements += [
            iam.PolicyStatement(actions=[*actions], resources=["*"])
            for actions in self._unscoped(name)
        ]
        return iam.Role(
            self,
            f"{name.capitalize()}Role",
            description=f"What the {name} function of {self._settings.stack} may do",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={"access": iam.PolicyDocument(statements=statements)},
        )

    def _unscoped(self, name: str) -> list[tuple[str, ...]]:
        tracing = [TRACING] if self._settings.tier.xray else []
        listing: list[tuple[str, ...]] = [(LISTING_STREAMS,)] if name in READS_STREAMS else []
        return [*tracing, *listing]


def _code(folder: Path) -> lambda_.Code:
    """A folder as an asset, known by our own digest: the CDK's takes ten times as long."""
    return lambda_.Code.from_asset(
        str(folder), asset_hash=digest(folder), asset_hash_type=AssetHashType.CUSTOM
    )
