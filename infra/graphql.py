"""GraphQL: the schema that the embedded product serves too, behind AppSync."""

from datetime import UTC, date, datetime, timedelta

from aws_cdk import Aws, Fn, RemovalPolicy
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct
from graphql import GraphQLObjectType, build_schema

from infra.function import KEEP_LOGS, Functions
from infra.settings import StackSettings
from tallybrook.graphql.sdl import SCALARS, merged_sdl

KEY_DAYS = 364
"""About the longest AppSync keeps a key (365 days); every deployment makes it that long again."""


class GraphQl(Construct):
    """Every field of Query and Mutation is answered by one function."""

    def __init__(self, scope: Construct, settings: StackSettings, functions: Functions) -> None:
        super().__init__(scope, "GraphQl")
        self._settings = settings
        self._log_role = iam.Role(
            self,
            "LogRole",
            description="Lets AppSync write its log",
            assumed_by=_appsync(),
        )
        self.api = self._api()
        self._log()
        self._resolvers(functions)
        appsync.CfnApiKey(
            self,
            "Key",
            api_id=self.api.attr_api_id,
            description=f"{settings.stack}: read and write counters and records",
            expires=key_expiry(datetime.now(UTC).date()),
        )

    def _api(self) -> appsync.CfnGraphQLApi:
        return appsync.CfnGraphQLApi(
            self,
            "Api",
            name=self._settings.stack,
            authentication_type="API_KEY",
            xray_enabled=self._settings.tier.xray,
            introspection_config="ENABLED",
            query_depth_limit=8,
            resolver_count_limit=100,
            log_config=appsync.CfnGraphQLApi.LogConfigProperty(
                cloud_watch_logs_role_arn=self._log_role.role_arn,
                field_log_level="ERROR",
                exclude_verbose_content=True,
            ),
        )

    def _log(self) -> None:
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=Fn.join("", ["/aws/appsync/apis/", self.api.attr_api_id]),
            retention=KEEP_LOGS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        iam.Policy(
            self,
            "LogPolicy",
            roles=[self._log_role],
            statements=[
                iam.PolicyStatement(
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[group.log_group_arn],
                )
            ],
        )

    def _resolvers(self, functions: Functions) -> None:
        sdl = merged_sdl(self._settings.types)
        made = appsync.CfnGraphQLSchema(self, "Schema", api_id=self.api.attr_api_id, definition=sdl)
        source = self._source(functions)
        for type_name, field in fields(sdl):
            resolver = appsync.CfnResolver(
                self,
                f"{type_name}{field[0].upper()}{field[1:]}",
                api_id=self.api.attr_api_id,
                type_name=type_name,
                field_name=field,
                data_source_name=source.attr_name,
            )
            resolver.add_resource_dependency(made)

    def _source(self, functions: Functions) -> appsync.CfnDataSource:
        function = functions.by_name["resolve"]
        role = iam.Role(
            self,
            "SourceRole",
            description="Lets AppSync call the resolving function",
            assumed_by=_appsync(),
            inline_policies={
                "call": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["lambda:InvokeFunction"], resources=[function.function_arn]
                        )
                    ]
                )
            },
        )
        return appsync.CfnDataSource(
            self,
            "Source",
            api_id=self.api.attr_api_id,
            name="resolve",
            type="AWS_LAMBDA",
            service_role_arn=role.role_arn,
            lambda_config=appsync.CfnDataSource.LambdaConfigProperty(
                lambda_function_arn=function.function_arn
            ),
        )


def _appsync() -> iam.IPrincipal:
    return iam.ServicePrincipal("appsync.amazonaws.com").with_conditions(
        {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
    )


def fields(sdl: str) -> list[tuple[str, str]]:
    """(type, field) of everything that is asked of the function."""
    built = build_schema(SCALARS + sdl)
    roots: list[GraphQLObjectType | None] = [built.query_type, built.mutation_type]
    return [(root.name, field) for root in roots if root is not None for field in root.fields]


def key_expiry(today: date) -> int:
    """Epoch second until which a key made today is good."""
    start = datetime(today.year, today.month, today.day, tzinfo=UTC)
    return int((start + timedelta(days=KEY_DAYS)).timestamp())
