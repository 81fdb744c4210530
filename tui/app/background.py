"""Work behind the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeVarTuple, Unpack

from textual.dom import DOMNode
from textual.worker import Worker

Ts = TypeVarTuple("Ts")


def start(
    node: DOMNode, group: str, task: Callable[[Unpack[Ts]], Coroutine[None, None, None]], *args: *Ts
) -> Worker[None]:
    """Run a task in a worker of `node`, in place of the one of the same group.

    The coroutine is made by the worker, so that one which is replaced before it began leaves nothing unawaited.
    """
    worker: Worker[None] = node.run_worker(
        partial(task, *args), name=group, group=group, exclusive=True, exit_on_error=False
    )
    return worker
