"""Files beside an expense: what they are is read from their content, and their names are made harmless."""

from __future__ import annotations

from dataclasses import dataclass

from blueprints.register.permits import Refused

LARGEST_BYTES = 10 * 1024 * 1024
MOST_RECEIPTS = 20
LONGEST_NAME = 100

# How a file begins, what it then is, and how its name ends.
KINDS = (
    (b"%PDF-", "application/pdf", ".pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
)
REFUSED_IN_NAMES = frozenset('<>:"/\\|?*%;')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was accepted."""

    filename: str
    content_type: str
    content: bytes


def accept(filename: str, content: bytes) -> Upload:
    """The file with a safe name. Raises Refused when it is too large, or by its content no PDF, PNG or JPEG."""
    shown = safe_stem(filename)
    if len(content) > LARGEST_BYTES:
        raise Refused("receipt_large", "receipts", name=shown)
    for beginning, content_type, ending in KINDS:
        if content.startswith(beginning):
            return Upload(shown + ending, content_type, content)
    raise Refused("receipt_type", "receipts", name=shown)


def safe_stem(filename: str) -> str:
    """A file's name without folders, ending and anything that is not plainly printed."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    stem = name.rsplit(".", 1)[0] if "." in name.lstrip(".") else name
    kept = "".join(sign for sign in stem if sign.isprintable() and sign not in REFUSED_IN_NAMES)
    return " ".join(kept.split()).strip(" .")[:LONGEST_NAME].strip(" .") or "receipt"
