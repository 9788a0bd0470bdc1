"""What keeps data: the tables, the bucket and the secret of the first admin key."""

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from infra.arns import Arns
from infra.settings import StackSettings
from tallybrook.ports.aws.tables import SOCKETS, TABLES, Index, Table, physical, records_table

UNKEPT = frozenset({SOCKETS.name})
"""Tables whose rows are gone within hours anyway: open connections."""

STANDARD_IA_FROM_DAYS = 30
"""The earliest day S3 takes an object into STANDARD_IA."""


class Storage(Construct):
    """Encrypted by the services' own keys: a customer's key costs $1 a month and a call for each
    object, and guards against nobody who is not in the account already."""

    def __init__(self, scope: Construct, settings: StackSettings, arns: Arns) -> None:
        super().__init__(scope, "Storage")
        self._settings = settings
        self._policy = RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY
        self.tables = {table.name: self._table(table) for table in TABLES}
        self.records = {kind: self._table(records_table(kind)) for kind in settings.types}
        self.bucket_name = Fn.join("-", [settings.stack, Aws.ACCOUNT_ID, Aws.REGION])
        self.bucket = self._bucket()
        self.admin_key = self._admin_key()
        self._register(arns)

    def _register(self, arns: Arns) -> None:
        for table in TABLES:
            _register(arns, table, table.name, self.tables[table.name])
        for kind, made in self.records.items():
            _register(arns, records_table(kind), "records", made)
        # By name: the bucket notifies a function whose role names the bucket.
        arns.add("bucket:", Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", self.bucket_name]))
        secret = self.admin_key.node.default_child
        assert isinstance(secret, secrets.CfnSecret)
        arns.add("secret:admin-key", secret.attr_id)

    def _table(self, table: Table) -> dynamodb.Table:
        data = table.name not in UNKEPT
        made = dynamodb.Table(
            self,
            "".join(part[0].upper() + part[1:] for part in table.name.split("-")) + "Table",
            table_name=physical(self._settings.stack, table),
            partition_key=_key(table, table.hash),
            sort_key=_key(table, table.range) if table.range else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            stream=dynamodb.StreamViewType[table.stream] if table.stream else None,
            time_to_live_attribute=table.ttl,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=data
            ),
            deletion_protection=data and self._settings.keep_data,
            removal_policy=self._policy if data else RemovalPolicy.DESTROY,
        )
        for index in table.indexes:
            _add_index(made, table, index)
        return made

    def _bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.bucket_name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=self._policy,
            lifecycle_rules=_lifecycle(),
        )

    def _admin_key(self) -> secrets.Secret:
        return secrets.Secret(
            self,
            "AdminKey",
            secret_name=f"{self._settings.stack}/admin-key",
            description="The first admin key of Tallybrook; made once, change it by hand",
            generate_secret_string=secrets.SecretStringGenerator(
                exclude_punctuation=True, password_length=40
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )


def _key(table: Table, name: str) -> dynamodb.Attribute:
    numeric = name in table.numbers
    kind = dynamodb.AttributeType.NUMBER if numeric else dynamodb.AttributeType.STRING
    return dynamodb.Attribute(name=name, type=kind)


def _add_index(made: dynamodb.Table, table: Table, index: Index) -> None:
    projection = (
        dynamodb.ProjectionType.INCLUDE if index.keep else dynamodb.ProjectionType.KEYS_ONLY
    )
    keep = list(index.keep) or None
    if index.local:
        made.add_local_secondary_index(
            index_name=index.name,
            sort_key=_key(table, index.range),
            projection_type=projection,
            non_key_attributes=keep,
        )
        return
    made.add_global_secondary_index(
        index_name=index.name,
        partition_key=_key(table, index.hash),
        sort_key=_key(table, index.range),
        projection_type=projection,
        non_key_attributes=keep,
    )


def _register(arns: Arns, table: Table, name: str, made: dynamodb.Table) -> None:
    arns.add(f"table:{name}", made.table_arn)
    for index in table.indexes:
        arns.add(f"index:{name}/{index.name}", f"{made.table_arn}/index/{index.name}")
    if made.table_stream_arn:
        arns.add(f"stream:{name}", made.table_stream_arn)


def _lifecycle() -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="unfinished-and-replaced",
            abort_incomplete_multipart_upload_after=Duration.days(2),
            noncurrent_version_expiration=Duration.days(30),
            expired_object_delete_marker=True,
        ),
        # What was erased from the lake is not to lie there as an old version for long.
        s3.LifecycleRule(
            id="erased-rows", prefix="lake/", noncurrent_version_expiration=Duration.days(1)
        ),
        s3.LifecycleRule(id="temporary", prefix="tmp/", expiration=Duration.days(1)),
        s3.LifecycleRule(id="query-results", prefix="results/", expiration=Duration.days(30)),
        s3.LifecycleRule(
            id="seldom-read",
            prefix="archive/",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INFREQUENT_ACCESS,
                    transition_after=Duration.days(STANDARD_IA_FROM_DAYS),
                )
            ],
        ),
    ]
