"""The QuickSight dashboard over Athena: there when a user or group to give it to is named.

QuickSight is subscribed to by hand, and there allowed to use Athena and the stack's bucket; a
template can do neither. The data sets read when somebody looks, each the rows of one account.
"""

from aws_cdk import Aws
from aws_cdk import aws_quicksight as qs
from constructs import Construct

from infra.athena import Athena
from infra.charts import CHARTS, Chart, statement
from infra.settings import StackSettings

READING = (
    "quicksight:DescribeDataSet", "quicksight:DescribeDataSetPermissions",
    "quicksight:DescribeIngestion", "quicksight:ListIngestions", "quicksight:PassDataSet",
)  # fmt: skip
USING = (
    "quicksight:DescribeDataSource", "quicksight:DescribeDataSourcePermissions",
    "quicksight:PassDataSource",
)  # fmt: skip
VIEWING = (
    "quicksight:DescribeDashboard", "quicksight:ListDashboardVersions",
    "quicksight:QueryDashboard",
)  # fmt: skip


class QuickSight(Construct):
    """A data source, a data set for each chart, and the dashboard."""

    def __init__(self, scope: Construct, settings: StackSettings, lake: Athena) -> None:
        super().__init__(scope, "QuickSight")
        self._settings = settings
        if settings.quicksight_principal and lake.workgroup:
            self._source = self._make_source()
            self._source.node.add_dependency(lake.workgroup, *lake.tables)
            self._dashboard({chart: self._data_set(chart) for chart in CHARTS})

    def _make_source(self) -> qs.CfnDataSource:
        stack = self._settings.stack
        return qs.CfnDataSource(
            self,
            "Source",
            aws_account_id=Aws.ACCOUNT_ID,
            data_source_id=f"{stack}-lake",
            name=f"{stack}: the lake",
            type="ATHENA",
            data_source_parameters=qs.CfnDataSource.DataSourceParametersProperty(
                athena_parameters=qs.CfnDataSource.AthenaParametersProperty(work_group=stack)
            ),
            ssl_properties=qs.CfnDataSource.SslPropertiesProperty(disable_ssl=False),
            permissions=[
                qs.CfnDataSource.ResourcePermissionProperty(
                    principal=self._settings.quicksight_principal, actions=[*USING]
                )
            ],
        )

    def _data_set(self, chart: Chart) -> qs.CfnDataSet:
        return qs.CfnDataSet(
            self,
            chart.name.capitalize(),
            aws_account_id=Aws.ACCOUNT_ID,
            data_set_id=f"{self._settings.stack}-{chart.name}",
            name=f"{self._settings.stack}: {chart.title}",
            import_mode="DIRECT_QUERY",
            physical_table_map={
                chart.name: qs.CfnDataSet.PhysicalTableProperty(
                    custom_sql=qs.CfnDataSet.CustomSqlProperty(
                        data_source_arn=self._source.attr_arn,
                        name=chart.name,
                        sql_query=statement(chart, self._settings),
                        columns=[
                            qs.CfnDataSet.InputColumnProperty(name=name, type=kind)
                            for name, kind in chart.columns
                        ],
                    )
                )
            },
            permissions=[
                qs.CfnDataSet.ResourcePermissionProperty(
                    principal=self._settings.quicksight_principal, actions=[*READING]
                )
            ],
        )

    def _dashboard(self, data_sets: dict[Chart, qs.CfnDataSet]) -> None:
        part = qs.CfnDashboard
        qs.CfnDashboard(
            self,
            "Dashboard",
            aws_account_id=Aws.ACCOUNT_ID,
            dashboard_id=self._settings.stack,
            name=f"{self._settings.stack}: {self._settings.quicksight_account}",
            definition=part.DashboardVersionDefinitionProperty(
                data_set_identifier_declarations=[
                    part.DataSetIdentifierDeclarationProperty(
                        identifier=chart.name, data_set_arn=data_set.attr_arn
                    )
                    for chart, data_set in data_sets.items()
                ],
                sheets=[
                    part.SheetDefinitionProperty(
                        sheet_id="overview",
                        name="Overview",
                        visuals=[_visual(chart) for chart in data_sets],
                    )
                ],
            ),
            permissions=[
                part.ResourcePermissionProperty(
                    principal=self._settings.quicksight_principal, actions=[*VIEWING]
                )
            ],
        )


def _visual(chart: Chart) -> qs.CfnDashboard.VisualProperty:
    part = qs.CfnDashboard

    def column(name: str) -> qs.CfnDashboard.ColumnIdentifierProperty:
        return part.ColumnIdentifierProperty(column_name=name, data_set_identifier=chart.name)

    day = part.DateDimensionFieldProperty(
        field_id=f"{chart.name}-day", column=column("day"), date_granularity="DAY"
    )
    split = part.CategoricalDimensionFieldProperty(
        field_id=f"{chart.name}-split", column=column(chart.split)
    )
    value = part.NumericalMeasureFieldProperty(
        field_id=f"{chart.name}-value",
        column=column(chart.value),
        aggregation_function=part.NumericalAggregationFunctionProperty(
            simple_numerical_aggregation="SUM"
        ),
    )
    wells = part.LineChartAggregatedFieldWellsProperty(
        category=[part.DimensionFieldProperty(date_dimension_field=day)],
        colors=[part.DimensionFieldProperty(categorical_dimension_field=split)],
        values=[part.MeasureFieldProperty(numerical_measure_field=value)],
    )
    return part.VisualProperty(
        line_chart_visual=part.LineChartVisualProperty(
            visual_id=chart.name,
            title=part.VisualTitleLabelOptionsProperty(
                visibility="VISIBLE",
                format_text=part.ShortFormatTextProperty(plain_text=chart.title),
            ),
            chart_configuration=part.LineChartConfigurationProperty(
                field_wells=part.LineChartFieldWellsProperty(
                    line_chart_aggregated_field_wells=wells
                )
            ),
        )
    )
