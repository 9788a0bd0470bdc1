"""``tallybrook keys``: on the data directory itself, followed by a running product."""

import json
from pathlib import Path

import httpx

from tests.support import Running, tallybrook, wait_for


def status(product: Running, key: str) -> int:
    answer = httpx.get(
        f"{product.url}/series", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    )
    return answer.status_code


def stored(data: Path) -> dict[str, dict[str, str]]:
    ran = tallybrook("keys", "list", "--format", "json", "--data", str(data))
    return {key["key_id"]: key for key in json.loads(ran.out)}


def test_a_key_is_printed_once_and_listed_without_its_text(tmp_path: Path) -> None:
    """stdout holds the key alone, so that a script can take it."""
    made = tallybrook(
        "keys", "create", "--scope", "write", "--label", "site", "--data", str(tmp_path)
    )
    assert made.code == 0
    (text,) = made.out.split()
    (key,) = stored(tmp_path).values()
    assert (key["scopes"], key["label"], key["account"]) == ("write", "site", "default")
    assert text not in json.dumps(key)


def test_a_running_product_follows(product: Running) -> None:
    """Create, rotate and revoke work beside it, within seconds."""
    data = str(product.data)
    made = tallybrook("keys", "create", "--label", "follows", "--data", data)
    key = made.out.strip()
    assert status(product, key) == 200
    (key_id,) = [i for i, k in stored(product.data).items() if k["label"] == "follows"]
    rotated = tallybrook("keys", "rotate", key_id, "--data", data).out.strip()
    wait_for(lambda: status(product, key) == 401, 10, "the old text to be refused")
    assert status(product, rotated) == 200
    assert tallybrook("keys", "revoke", key_id, "--data", data).code == 0
    wait_for(lambda: status(product, rotated) == 401, 10, "the revoked key to be refused")
    assert stored(product.data)[key_id]["revoked_at"]


def test_an_unknown_key_is_exit_code_1(tmp_path: Path) -> None:
    """One line that names it."""
    ran = tallybrook("keys", "revoke", "deadbeef", "--data", str(tmp_path))
    assert (ran.code, len(ran.err.splitlines())) == (1, 1)
    assert "deadbeef" in ran.err
