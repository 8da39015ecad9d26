"""Nothing private on the page: absolute paths are cut to their last name, for pages are sent to others."""

from __future__ import annotations

import re
from typing import Any

#: How a path that is not inside the folder begins: ~/, ~user/, C:\, \\host\, /, or ../ up and out of it.
ROOT = r"(?:file:/*)?(?:~[\w.-]*[\\/]|[A-Za-z]:[\\/]|\\\\|(?:\.\.[\\/])+|/)"
#: Between quotes a path goes on to the closing one.
QUOTED = re.compile("|".join(rf"(?<={start}){ROOT}[^{end}\n]*(?={end})" for start, end in ("''", '""', "``", "<>")))
#: Elsewhere a folder's name may hold spaces: what stands before a slash belongs to the path, unless a word of it is an
#: option or the name of a file, where another path begins.
LETTER = r"(?:\\ |[^\s'\"`<>|;:,)\]\\/])"
FILE = r"[^\s\\/]*\.(?:wav|flac|mp3|ogg|opus|aiff?|caf|mid|csv|json|npy|mynah|html|txt|zip)\b"
FOLDER = rf"{LETTER}+(?:(?<!\\)\ +(?!-|~|\.\.){LETTER}+)*[\\/]"
BARE = re.compile(rf"(?<![\w.~)\]\\/-]){ROOT}(?!\s)(?:(?!{FILE}\s){FOLDER})*{LETTER}*")
#: Their last name is that of a user.
HOMES = re.compile(r"(?:home|users|documents and settings)", re.IGNORECASE)
#: Fields that hold names inside the folder, where a slash means nothing private.
RELATIVE = frozenset({"file", "label", "answer", "predicted", "classes", "duplicates", "group"})


def without_paths(value: Any) -> Any:
    """Return text, or any JSON value, with absolute paths cut to their last name."""
    if isinstance(value, str):
        return BARE.sub(_last_name, QUOTED.sub(_last_name, value))
    if isinstance(value, list):
        return [without_paths(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _names(entry) if key in RELATIVE else without_paths(entry) for key, entry in value.items()}
    return value


def _last_name(path: re.Match[str]) -> str:
    *folders, name = re.split(r"[\\/](?! )", path[0].rstrip("\\/"))
    if not any(folders):  # no folder is named: /s is an option, 1 / 2 a sum
        return path[0]
    return "..." if not name or HOMES.fullmatch(folders[-1]) else name


def _names(value: Any) -> Any:
    if isinstance(value, str):
        outside = re.match(ROOT, value)
        return re.split(r"[\\/]", value)[-1] if outside else value
    return [_names(entry) for entry in value] if isinstance(value, list) else value
