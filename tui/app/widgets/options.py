"""The run options, editable in place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from tui.app import words
from tui.app.widgets.field import Field, OptionField, step_choice, step_number
from tui.model import OPTION_NAMES, PACES, Problem, RunOptions
from tui.settings.values import bandwidth

LABELS = {
    "batch_size": (OPTION_NAMES["batch_size"], "batch size", "batch"),
    "max_images": (OPTION_NAMES["max_images"], "cap", "cap"),
    "limit": (OPTION_NAMES["limit"], "limit", "limit"),
    "pace": ("pace", "pace", "pace"),
    "bandwidth": ("bandwidth", "bandwidth", "b/s"),
}
"""Each option in full, shorter, and as short as can be."""

BANDWIDTHS = ("100K", "250K", "500K", "1M", "2M", "5M", "10M", "20M", "50M", "100M", "none")
"""What the keys for more and less step through."""

ROOM_IN_FULL = 112
ROOM_AROUND = 98
"""Cells below which the fields move together."""

ROOM_SHORTER = 76


def step_bandwidth(text: str, by: int) -> str:
    """The next larger or smaller limit; the largest is none at all."""
    try:
        now = bandwidth(text) or math.inf
    except ValueError:
        return text
    if by > 0:
        return next((size for size in BANDWIDTHS if (bandwidth(size) or math.inf) > now), BANDWIDTHS[-1])
    return next((size for size in reversed(BANDWIDTHS) if (bandwidth(size) or math.inf) < now), BANDWIDTHS[0])


class OptionsBar(Horizontal):
    """Batch size, cap, limit, pace and bandwidth; a change is checked before it becomes `options`."""

    DEFAULT_CSS = """
    OptionsBar {
        height: 1;
        & > Static { width: auto; color: $text-muted; margin: 0 1 0 0; }
        & > OptionField { margin: 0 3 0 0; background: $panel; padding: 0 1; }
        & > OptionField:focus { background: $block-cursor-background; }
        & > OptionField.-wrong { color: $error; }
        & > #batch_size, & > #max_images { width: 7; }
        & > #limit { width: 12; }
        & > #pace { width: 12; }
        & > #bandwidth { width: 9; }
        &.-tight > OptionField { margin: 0 1 0 0; }
        &.-tight > #batch_size, &.-tight > #max_images { width: 5; }
        &.-tight > #limit { width: 8; }
        &.-tight > #pace { width: 11; }
        &.-tight > #bandwidth { width: 7; }
    }
    """

    options: reactive[RunOptions] = reactive(RunOptions)

    _steps: ClassVar = {"pace": step_choice(PACES), "bandwidth": step_bandwidth}

    @dataclass
    class Changed(Message):
        """Other options were entered, and they hold."""

        options: RunOptions

    @dataclass
    class Refused(Message):
        """What was entered does not hold, in one sentence; empty when that is over."""

        sentence: str

    @dataclass
    class Done(Message):
        """The operator goes back to where he came from."""

    def compose(self) -> ComposeResult:
        """A label and a field for each option."""
        for name, labels in LABELS.items():
            yield Static(labels[0], id=f"label-{name}")
            yield OptionField(name, self._steps.get(name, step_number), id=name)

    def watch_options(self) -> None:
        """Show what holds now, but do not take away what somebody types."""
        for field in self.query(OptionField):
            if not field.has_focus:
                self._restore(field)

    def on_mount(self) -> None:
        """Show the options there are."""
        self.watch_options()

    def on_resize(self, event: events.Resize) -> None:
        """Say it shorter when there is little room."""
        size = (event.size.width < ROOM_IN_FULL) + (event.size.width < ROOM_SHORTER)
        self.set_class(event.size.width < ROOM_AROUND, "-tight")
        for name, labels in LABELS.items():
            self.query_one(f"#label-{name}", Static).update(labels[size])

    def begin(self) -> None:
        """Go to the first field."""
        self.query(OptionField).first().focus()

    def on_input_submitted(self, event: OptionField.Submitted) -> None:
        """Apply and go back, or stay and say what is wrong."""
        event.stop()
        if isinstance(event.input, OptionField) and self._apply(event.input):
            self.post_message(self.Done())

    def on_input_blurred(self, event: OptionField.Blurred) -> None:
        """Leaving a field applies it, or leaves things as they were."""
        event.stop()
        if isinstance(event.input, OptionField) and not self._apply(event.input):
            self._restore(event.input)

    def on_field_left(self, event: Field.Left) -> None:
        """Escape restores."""
        event.stop()
        if isinstance(event.field, OptionField):
            self._restore(event.field)
        self.post_message(self.Refused(""))
        self.post_message(self.Done())

    def _restore(self, field: OptionField) -> None:
        value = getattr(self.options, field.option)
        field.value = words.bandwidth(value) if field.option == "bandwidth" else str(value)
        field.remove_class("-wrong")

    def _apply(self, field: OptionField) -> bool:
        try:
            options = self.options.tuned(**{field.option: entered(field.option, field.value)})
        except Problem as problem:
            field.add_class("-wrong")
            self.post_message(self.Refused(str(problem)))
            return False
        field.remove_class("-wrong")
        self.post_message(self.Refused(""))
        if options != self.options:
            self.post_message(self.Changed(options))
        return True


def holds_from(before: RunOptions, after: RunOptions, workers: int = 1) -> str:
    """From when on a change holds for the run that goes on; empty where nothing changed. Other workers keep theirs."""
    told = _holds_from(before, after)
    return f"{told} Other workers keep theirs." if told and workers > 1 else told


def _holds_from(before: RunOptions, after: RunOptions) -> str:
    if after.max_images != before.max_images:
        return f"The cap of {after.max_images:,} holds from the next vehicle on; those in progress keep theirs."
    if after.batch_size > before.batch_size:
        return f"Up to {after.batch_size:,} vehicles at a time from now on."
    if after.batch_size < before.batch_size:
        return f"At most {after.batch_size:,} vehicles at a time, once enough of those in progress have ended."
    if after.limit != before.limit:
        return f"The run takes {after.limit:,} vehicles in all; those in progress are finished."
    return "" if after == before else "This holds at once."


def entered(name: str, text: str) -> int | str:
    """The value that was typed for an option; raises Problem."""
    text = text.strip()
    if name == "pace":
        return next((pace for pace in PACES if text and pace.startswith(text.lower())), text)
    if name == "bandwidth":
        try:
            return bandwidth(text)
        except ValueError as error:
            raise Problem(f"bandwidth {error}, not {text!r}.") from None
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise Problem(f"{LABELS[name][0]} must be a whole number, not {text!r}.") from None
