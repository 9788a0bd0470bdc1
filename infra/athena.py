"""Athena, in the tiers that have it: the catalog of the lake's tables, and a workgroup that stops a
query which reads too much."""

from aws_cdk import Aws, Fn
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from infra.arns import Arns
from infra.settings import ATHENA_RESULTS, StackSettings
from tallybrook.lake.ddl import database_of, table_input
from tallybrook.lake.tables import TABLES, Table
from tallybrook.ports.sql import DEFAULT_MAX_SCANNED_BYTES

ENGINE = "Athena engine version 3"
NAMES = ("athena:workgroup", "athena:catalog", "athena:results", "athena:bucket")
"""What permissions call these; each is nothing where there is no Athena."""


class Athena(Construct):
    """``workgroup`` is named like the stack, and is None where the tier has none."""

    def __init__(
        self, scope: Construct, settings: StackSettings, arns: Arns, bucket_name: str
    ) -> None:
        super().__init__(scope, "Athena")
        self.workgroup: athena.CfnWorkGroup | None = None
        self.tables: list[glue.CfnTable] = []
        for name in NAMES:
            arns.add(name)
        if settings.with_athena:
            self._make(settings, bucket_name)
            self._register(arns, settings, bucket_name)

    def _make(self, settings: StackSettings, bucket_name: str) -> None:
        name = database_of(settings.stack)
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=name, description=f"The lake of {settings.stack}"
            ),
        )
        self.tables = [self._table(table, bucket_name) for table in TABLES.values()]
        self.workgroup = self._workgroup(settings.stack, bucket_name)

    def _table(self, table: Table, bucket_name: str) -> glue.CfnTable:
        return glue.CfnTable(
            self,
            "".join(part.capitalize() for part in table.name.split("_")),
            catalog_id=Aws.ACCOUNT_ID,
            database_name=self.database.ref,
            table_input=_as_properties(table, bucket_name),
        )

    def _workgroup(self, stack: str, bucket_name: str) -> athena.CfnWorkGroup:
        """What a client asks for instead of this configuration is not listened to."""
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=stack,
            description=f"Queries of {stack}",
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                bytes_scanned_cutoff_per_query=DEFAULT_MAX_SCANNED_BYTES,
                publish_cloud_watch_metrics_enabled=True,
                requester_pays_enabled=False,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version=ENGINE
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=Fn.join("", ["s3://", bucket_name, "/", ATHENA_RESULTS]),
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                    expected_bucket_owner=Aws.ACCOUNT_ID,
                ),
            ),
        )

    def _register(self, arns: Arns, settings: StackSettings, bucket_name: str) -> None:
        database = database_of(settings.stack)
        arns.add("athena:workgroup", _arn("athena", f"workgroup/{settings.stack}"))
        arns.add(
            "athena:catalog",
            _arn("glue", "catalog"),
            _arn("glue", f"database/{database}"),
            *(_arn("glue", f"table/{database}/{name}") for name in TABLES),
        )
        bucket = Fn.join("", ["arn:", Aws.PARTITION, ":s3:::", bucket_name])
        arns.add("athena:bucket", bucket)
        arns.add("athena:results", f"{bucket}/{ATHENA_RESULTS}*")


def _arn(service: str, name: str) -> str:
    return Fn.join(":", ["arn", Aws.PARTITION, service, Aws.REGION, Aws.ACCOUNT_ID, name])


def _as_properties(table: Table, bucket_name: str) -> glue.CfnTable.TableInputProperty:
    """``lake.ddl.table_input`` in the CDK's words."""
    told = table_input(table, bucket_name)
    storage = told["StorageDescriptor"]
    return glue.CfnTable.TableInputProperty(
        name=told["Name"],
        description=told["Description"],
        table_type=told["TableType"],
        parameters=told["Parameters"],
        partition_keys=[_column(column) for column in told["PartitionKeys"]],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            columns=[_column(column) for column in storage["Columns"]],
            location=storage["Location"],
            input_format=storage["InputFormat"],
            output_format=storage["OutputFormat"],
            serde_info=glue.CfnTable.SerdeInfoProperty(
                serialization_library=storage["SerdeInfo"]["SerializationLibrary"]
            ),
        ),
    )


def _column(told: dict[str, str]) -> glue.CfnTable.ColumnProperty:
    return glue.CfnTable.ColumnProperty(
        name=told["Name"], type=told["Type"], comment=told["Comment"]
    )
