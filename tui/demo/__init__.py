"""A small dealer world on loopback, deterministic from a seed: to show the program, and to test it whole."""

from tui.demo.opening import Demo, open_demo
from tui.demo.world import SEED, World, build_world

__all__ = ["SEED", "Demo", "World", "build_world", "open_demo"]
