"""Secrets in Secrets Manager, named ``<stack>/<name>``."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from tallybrook.errors import StorageError
from tallybrook.ports.aws.clients import client, error_code, translated
from tallybrook.ports.aws.dynamo import back_off
from tallybrook.ports.secrets import Cache, check_name, check_value

_ABSENT = "ResourceNotFoundException"
_THERE = "ResourceExistsException"
_ROUNDS = 6


class ManagedSecrets:
    """``ports.secrets.Secrets`` of one stack.

    What another process created may take a moment to be readable: it is asked for again.
    """

    def __init__(self, stack: str, cache: Cache | None = None) -> None:
        self._stack = stack
        self._cache = cache or Cache()
        self._service: Any = client("secretsmanager")

    def get(self, name: str, *, fresh: bool = False) -> str | None:
        held = None if fresh else self._cache.get(check_name(name))
        if held is not None:
            return held
        value = self._read(check_name(name))
        return None if value is None else self._cache.keep(name, value)

    def create(self, name: str, make: Callable[[], str]) -> str:
        found = self.get(name, fresh=True)
        if found is not None:
            return found
        value = check_value(make())
        with translated(f"create the secret {name}"):
            try:
                self._service.create_secret(Name=self._name(name), SecretString=value)
            except ClientError as error:
                if error_code(error) != _THERE:
                    raise
            else:
                return self._cache.keep(name, value)
        return self._created_elsewhere(name)

    def put(self, name: str, value: str) -> None:
        check_value(value)
        if self.create(name, lambda: value) != value:
            with translated(f"change the secret {name}"):
                self._service.put_secret_value(SecretId=self._name(name), SecretString=value)
        self._cache.keep(name, value)

    def _created_elsewhere(self, name: str) -> str:
        for attempt in range(_ROUNDS):
            value = self.get(name, fresh=True)
            if value is not None:
                return value
            back_off(attempt)
        raise StorageError(f"the secret {name} is there and cannot be read yet")

    def _read(self, name: str) -> str | None:
        with translated(f"read the secret {name}"):
            try:
                return str(
                    self._service.get_secret_value(SecretId=self._name(name))["SecretString"]
                )
            except ClientError as error:
                if error_code(error) != _ABSENT:
                    raise
                return None

    def _name(self, name: str) -> str:
        return f"{self._stack}/{name}"
