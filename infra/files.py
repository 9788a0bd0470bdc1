"""Files in the bucket: what becomes of a call that fails.

The function is called by ``notifications``. A call that fails is repeated twice, and a long file
then goes on where it stopped; what fails for the third time lies in ``<stack>-undelivered``, whose
alarm every tier has.
"""

from constructs import Construct

from infra.function import Functions
from infra.mapping import on_async_failure


class Files(Construct):
    def __init__(self, scope: Construct, functions: Functions, undelivered_arn: str) -> None:
        super().__init__(scope, "Files")
        on_async_failure(self, "Failures", functions.by_name["s3"], undelivered_arn)
