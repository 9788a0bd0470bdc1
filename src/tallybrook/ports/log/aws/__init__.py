"""The log on AWS: DynamoDB holds the events, and a function on its stream numbers them.

Two steps. ``DynamoLog`` stores every event as a row of its own, once; that is the moment at which
it is durable. The ``Sequencer`` takes the rows in the order of the table's stream, gives them
dense numbers, counts them and appends them to the log that readers follow, all in one
transaction. Between the two lies the lag of the stream, usually under a second.

What the contract promises holds for each part by itself. The parts of one write (events, records,
failed records) are stored one after another, and events reach the readers in the order of the
stream's shards, not of the writes.
"""

from tallybrook.ports.log.aws.reader import DynamoLogReader
from tallybrook.ports.log.aws.writing import DynamoLog

__all__ = ["DynamoLog", "DynamoLogReader"]
