"""The lake on AWS: Parquet files in S3, their catalog in the table ``lake``.

* ``reader``: what a query needs: snapshots, and files brought to the local disk.
* ``store``: what the one writer needs: staging, the steps of a commit, sweeping.
* ``catalog``: the rows, and why reading them gives a snapshot.
* ``objects`` and ``cache``: the files themselves, in the bucket and near the engine.
"""

from tallybrook.ports.lake.aws.reader import AwsLakeReader
from tallybrook.ports.lake.aws.store import AwsLake

__all__ = ["AwsLake", "AwsLakeReader"]
