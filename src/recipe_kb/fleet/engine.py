"""Ray, started on this machine or joined; without its dashboard, its usage statistics and its talk."""

import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from recipe_kb.errors import BadInputError, CannotHereError, Problem
from recipe_kb.i18n import _

OBJECT_STORE_BYTES = 100 * 2**20
"""Results are some kilobytes each; Ray would take a third of the memory."""

OOM_RETRIES = 3
"""How often Ray sends a task again whose worker it killed for memory; by itself it would for ever."""

AUTO = "auto"
"""The address of a cluster that runs on this machine already."""

CONNECT_S = 10.0

_LONGEST_TMP = 40
"""Characters: a socket below it has a path of some 60 more, and may have 107."""


@dataclass(frozen=True)
class Cluster:
    """What runs the tasks; made by `cluster`.

    Attributes:
        ray: The module.
        address: What was joined; None if it was started here.
        gcs_address: Host and port of its head.
    """

    ray: Any
    address: str | None
    gcs_address: str


def require_ray() -> None:
    """Make sure that Ray is there.

    Raises:
        CannotHereError: It is not (KB301).
    """
    if find_spec("ray") is None:
        what = _("Many machines need the package {name}, which is not installed.").format(name="ray")
        raise CannotHereError(Problem(code="KB301", what=what, next_command="pip install 'recipe-kb[fleet]'"))


@contextmanager
def cluster(address: str | None, **started_with: Any) -> Iterator[Cluster]:
    """Join the cluster at an address, or start one on this machine that ends with the block.

    Args:
        address: `HOST:PORT` of the head, or `auto`; this machine must be one of its nodes. None starts one here.
        started_with: For `ray.init` where one is started, such as `num_cpus`.

    Raises:
        BadInputError: It is no address of a head (KB207).
        CannotHereError: There is no Ray (KB301), or no cluster at this address (KB350).
    """
    require_ray()
    if address is not None and "://" in address:
        what = _("{address} is no address of a head; expected HOST:PORT, on one of the nodes.").format(address=address)
        raise BadInputError(
            Problem(code="KB207", what=what, next_command="kb validate --all --engine ray --address auto")
        )
    with _environ(address), _folder(address) as folder:
        import ray

        quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        here = {
            "address": "local",
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": folder,
            # As locally, the kernel kills the child that offers itself: a verdict. Ray would kill the worker.
            "_system_config": {"memory_monitor_refresh_ms": 0},
        }
        try:
            _keep_from_stdout(ray)
            _start(ray, address, quiet | ({"address": address} if address else here | started_with))
            yield Cluster(ray, address, ray.get_runtime_context().gcs_address)
        finally:
            ray.shutdown()


def _keep_from_stdout(ray: Any) -> None:
    """Drop what nodes say of themselves: Ray prints it on standard output, where our answer goes, and has no switch.

    Nothing is lost: whoever dies shows in what becomes of the order that it had.
    """
    ray._private.worker.print_to_stdstream = lambda *_args, **_options: None  # noqa: SLF001 - held by a test


def _start(ray: Any, address: str | None, options: dict[str, Any]) -> None:
    try:
        if address is not None and address != AUTO:  # Ray itself would try for ten minutes
            host, _colon, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        ray.init(**options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:  # ConnectionError is an OSError
        where = address or _("this machine")
        why = (str(error) or type(error).__name__).splitlines()[0]
        what = _("Ray does not start or answer at {where}: {why}").format(where=where, why=why)
        command = f"ray status --address {address or 'auto'}"
        raise CannotHereError(Problem(code="KB350", what=what, next_command=command)) from error


@contextmanager
def _environ(address: str | None) -> Iterator[None]:
    """Say to Ray what it reads from the environment only; put back what was there."""
    wanted = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_task_oom_retries": str(OOM_RETRIES)}
    secret = _secret() if address is None and "RAY_AUTH_MODE" not in os.environ else None
    if secret:
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secret}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@cache
def _secret() -> str | None:
    """Return what only we know, so that nobody else on this machine gives a cluster of ours work.

    Ray would write one to the home folder. It reads it once in a process, at its import: where somebody else has
    imported it before, it is too late for one, and None is returned.
    """
    return None if "ray" in sys.modules else secrets.token_hex(32)


@contextmanager
def _folder(address: str | None) -> Iterator[str | None]:
    """Give a cluster of our own a folder of our own, gone with it."""
    if address is not None:
        yield None
        return
    usual = tempfile.gettempdir()
    parent = usual if len(usual) <= _LONGEST_TMP else "/tmp"  # noqa: S108 - a folder of our own in it
    with tempfile.TemporaryDirectory(prefix="kb-ray-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield folder
