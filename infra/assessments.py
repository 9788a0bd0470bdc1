"""Assessments: the queues of the anonymizer and the calculator, and the secret of pseudonyms."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.arns import Arns
from infra.function import Functions
from infra.queues import WorkQueue
from infra.settings import StackSettings
from tallybrook.wiring.assessments import MAX_RECEIVES


class Assessments(Construct):
    """Made in two steps, as ``Intake``. The API queues what it took in for the anonymizer; S3 tells
    the calculator's queue of what the anonymizer has put, so that a flood of objects waits there
    and does not take every instance of the account."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Assessments")
        self._settings = settings
        self.tasks = WorkQueue(
            self, "Tasks", settings, arns, name="assessments", function="anonymizer",
            max_receives=MAX_RECEIVES,
        )  # fmt: skip
        self.told = WorkQueue(
            self, "Told", settings, arns, name="ocean", function="ocean",
            max_receives=MAX_RECEIVES,
        )  # fmt: skip
        self.secret = self._secret()
        made = self.secret.node.default_child
        assert isinstance(made, secrets.CfnSecret)
        arns.add("secret:privacy", made.attr_id)

    def connect(self, functions: Functions) -> None:
        self.tasks.connect(functions)
        self.told.connect(functions)

    def _secret(self) -> secrets.Secret:
        """It outlives the stack with the data: without it nobody's rows are found again."""
        keep = self._settings.keep_data
        return secrets.Secret(
            self,
            "Secret",
            secret_name=f"{self._settings.stack}/privacy",
            description="What Tallybrook makes pseudonyms with; rotate it with Tallybrook alone",
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=64
            ),
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
