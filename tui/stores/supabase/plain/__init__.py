"""The store on a project that has nothing of ours."""

from tui.stores.supabase.plain.store import PlainStore

__all__ = ["PlainStore"]
