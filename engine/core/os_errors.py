"""What the operating system says against something, as a sentence."""

from __future__ import annotations

import errno

from engine.core.sentence import Sentence

_SAID = {
    errno.EACCES: Sentence("Permission denied"),
    errno.EEXIST: Sentence("File exists"),
    errno.EISDIR: Sentence("Is a directory"),
    errno.ELOOP: Sentence("Too many levels of symbolic links"),
    errno.ENAMETOOLONG: Sentence("File name too long"),
    errno.ENOENT: Sentence("No such file or directory"),
    errno.ENOSPC: Sentence("No space left on device"),
    errno.ENOTDIR: Sentence("Not a directory"),
    errno.EPERM: Sentence("Operation not permitted"),
    errno.EROFS: Sentence("Read-only file system"),
}


def reason(error: OSError) -> str:
    """Return why: a sentence for what happens with files, else the system's own words."""
    return _SAID.get(error.errno or 0) or error.strerror or type(error).__name__
