"""Work behind the screen."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeVarTuple, Unpack

from textual.dom import DOMNode
from textual.worker import Worker

from tui.app.words import clean
from tui.model import Problem

Ts = TypeVarTuple("Ts")


def start(
    node: DOMNode, group: str, task: Callable[[Unpack[Ts]], Coroutine[None, None, None]], *args: *Ts
) -> Worker[None]:
    """Run a task in a worker of `node`, in place of the one of the same group; what it does not catch is shown.

    The coroutine is made by the worker, so that one which is replaced before it began leaves nothing unawaited. It
    has a description because Textual would make one of the arguments' reprs, a whole session's among them.
    """
    work = partial(_shown, node, partial(task, *args))
    worker: Worker[None] = node.run_worker(
        work, name=group, group=group, description=group, exclusive=True, exit_on_error=False
    )
    return worker


async def _shown(node: DOMNode, task: Callable[[], Coroutine[None, None, None]]) -> None:
    try:
        await task()
    except Exception as error:
        text = str(error) if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
        node.app.notify(clean(text), severity="error", markup=False)
        raise
