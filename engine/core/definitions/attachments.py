"""What each kind of attachment consists of: for checks, editors and the reference."""

from __future__ import annotations

from dataclasses import dataclass

_URL = "where it lies: https://…"
_MEDIA = "instead of `url`: the id of a file uploaded to the channel's provider"


@dataclass(frozen=True, slots=True)
class AttachmentKind:
    """The keys of one kind of attachment, each with what it means."""

    needed: tuple[tuple[str, ...], ...]
    """One of each of these groups must be written."""
    keys: dict[str, str]
    """Every key it may have: name and description."""


_MEDIUM = AttachmentKind((("url", "media_id"),), {"url": _URL, "media_id": _MEDIA})

ATTACHMENTS: dict[str, AttachmentKind] = {
    "link": AttachmentKind(
        (("title",), ("url",)),
        {"title": "what the card says", "url": _URL, "desc": "a line below the title", "picurl": "the card's picture"},
    ),
    "image": _MEDIUM,
    "video": _MEDIUM,
    "file": _MEDIUM,
    "miniprogram": AttachmentKind(
        (("title",), ("appid",), ("page",)),
        {
            "title": "what the card says",
            "appid": "the mini program's id",
            "page": "the page it opens, with its parameters",
            "pic_media_id": "the card's picture: the id of an uploaded file",
        },
    ),
}
"""By the key of an attachment."""
