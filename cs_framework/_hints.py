"""Small helpers for texts that people read."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` where a known word is close, else nothing."""
    from difflib import get_close_matches  # here: most runs have nothing to correct

    close = get_close_matches(word, list(known), n=1, cutoff=0.7)  # at 0.6, 'gpu' looks like 'cpu'
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(words: Iterable[str]) -> str:
    """``'a', 'b'``"""
    return ", ".join(repr(word) for word in words)


def reason(error: BaseException) -> str:
    """An exception in one line: its type and text."""
    try:
        text = shortened(" ".join(str(error).split()))
    except Exception:  # its text may be anybody's code, too
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def shortened(text: str, longest: int = 1000) -> str:
    """The beginning and the end of a text that is too long for a table."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


def a(kind: str) -> str:
    """A kind of component with its article: ``an anomaly filter``."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind.replace('_', ' ')}"
