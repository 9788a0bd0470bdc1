"""What ``tallybrook serve`` does before the supervisor takes over."""

import ipaddress
import os
from typing import NoReturn

from tallybrook.entrypoints.supervisor import become, listen, lock_data, url_of
from tallybrook.errors import UsageError
from tallybrook.settings import PREFIX, Settings
from tallybrook.wiring import check_entities, open_keys
from tallybrook.wiring.agreement import check_token_prices
from tallybrook.wiring.forwarding import check_forwarding
from tallybrook.wiring.privacy import check_privacy, open_privacy


def run(settings: Settings, *, worker: bool) -> NoReturn:
    """Check, lock, listen, show the first key, and become the supervisor: does not return.

    Raises ``UsageError`` or ``ConflictError`` before anything is changed.
    """
    require_auth(settings)
    check_entities(settings)
    check_forwarding(settings)
    check_token_prices(settings)
    check_privacy(settings)
    data = settings.data_path.absolute()
    lock_fd = lock_data(data)
    listener = listen(settings.host, settings.port)
    url = url_of(listener)
    open_privacy(settings)  # makes the secret of a new data directory
    print(f"Tallybrook on {url}, data in {settings.data} (Ctrl-C stops)", flush=True)
    _first_key(settings, url)
    # The children read the settings from the environment: give them what the options said.
    os.environ[PREFIX + "HOST"] = settings.host
    os.environ[PREFIX + "PORT"] = str(listener.getsockname()[1])
    os.environ[PREFIX + "DATA"] = str(data)
    become(listener, lock_fd, data, worker=worker)


def require_auth(settings: Settings) -> None:
    """Refuse to be open to other machines without keys."""
    if not settings.auth and not is_loopback(settings.host):
        raise UsageError(
            f"authentication is off (TALLYBROOK_AUTH) and {settings.host} can be reached from "
            "other machines: turn it on, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. A name other than localhost may be any."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _first_key(settings: Settings, url: str) -> None:
    key = open_keys(settings).first_key(settings.admin_key)
    if key is None or settings.admin_key is not None:
        return
    print(
        f"\nThe first admin key, shown this once:\n\n  {key}\n\n"
        f"Open {url}/#key={key}\nor send an event:\n\n"
        f"  curl {url}/events -H 'Authorization: Bearer {key}' \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        '    -d \'{"event_type": "hello", "user_id": "me"}\'\n',
        flush=True,
    )
