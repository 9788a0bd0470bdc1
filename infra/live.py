"""Live updates: the WebSocket API and the function behind it."""

from aws_cdk import Aws, Fn
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.settings import StackSettings

STAGE = "live"
ROUTES = {"$connect": "Opens", "$disconnect": "Closes", "$default": "Says"}


class Live(Construct):
    """``url`` is for clients, ``management_url`` for functions that push."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Live")
        self._settings = settings
        self.api = apigateway.WebSocketApi(
            self,
            "Api",
            api_name=f"{settings.stack}-live",
            description="Tallybrook: live updates",
            route_selection_expression="$request.body.action",
        )
        host = [self.api.api_id, ".execute-api.", Aws.REGION, ".", Aws.URL_SUFFIX, "/", STAGE]
        self.url = Fn.join("", ["wss://", *host])
        self.management_url = Fn.join("", ["https://", *host])
        arns.add(
            "sockets:connections",
            Fn.join(
                "",
                ["arn:", Aws.PARTITION, ":execute-api:", Aws.REGION, ":", Aws.ACCOUNT_ID, ":",
                 self.api.api_id, "/", STAGE, "/POST/@connections/*"],
            ),
        )  # fmt: skip

    def connect(self, functions: Functions) -> None:
        function = functions.target("sockets")
        for route, name in ROUTES.items():
            self.api.add_route(route, integration=WebSocketLambdaIntegration(name, function))
        apigateway.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=STAGE,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(rate_limit=200, burst_limit=400),
        )
