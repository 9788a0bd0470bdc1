"""Counters in DynamoDB: a row a bucket in ``counters``, a row a name in ``series``.

What is different from the contract's words
-------------------------------------------
* Counters follow an acknowledged write by the time the stream takes to bring it.
* ``at_once`` holds ``everything`` and ``instants`` of **events** to one commit, also while events
  come in; ``rows`` and ``sums`` inside it are consistent one by one. Buckets of **records** are
  read at no common instant: one whose records changed within the last seconds may show in a
  recount as a difference that the function on the table's stream is about to mend.
* ``correct`` is one transaction for each 100 buckets (all of a call where there are no more).
  A bucket of records is corrected only where no recount has written it since ``everything`` of
  this object read it, so that nothing is added to a number that was mended meanwhile.
"""

from tallybrook.ports.counters.aws.store import DynamoCounters

__all__ = ["DynamoCounters"]
