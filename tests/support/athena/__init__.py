"""Athena on the loopback: its wire protocol, checked against the SDK's model of the service, before
answers by rule (``scripted``) or answers computed from files of the lake (``executing``)."""

from tests.support.athena.executing import Executing
from tests.support.athena.scripted import Scripted
from tests.support.athena.wire import Listening, Refused, serving

__all__ = ["Executing", "Listening", "Refused", "Scripted", "serving"]
