"""The API, as commands call it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2

from engine.cli.language import language
from engine.core import os_errors
from engine.core.errors import AccessError, InstallationError, SopError
from engine.core.sentence import Sentence
from engine.settings import Settings

KEY_FILE = "admin.key"
_PATIENCE = 10.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - what the API may listen on, not where we do


def url(settings: Settings) -> str:
    """Return where the API answers. Raises InstallationError for a setting that is no URL."""
    if settings.api_url:
        parts = urlsplit(settings.api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InstallationError(
                Sentence("SOP_API_URL `{url}` is no URL; write http://host:port or https://host", url=settings.api_url)
            )
        return settings.api_url.rstrip("/")
    host = _ANYWHERE.get(settings.api_host, settings.api_host)
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{settings.api_port}"


def key(settings: Settings) -> str:
    """Return the key to call with: SOP_API_KEY, else the one in the state folder. Raises AccessError where there is none."""
    if settings.api_key:
        return settings.api_key.get_secret_value()
    path = settings.state_dir / KEY_FILE
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise AccessError(
            Sentence(
                "no API key: SOP_API_KEY is not set and {path} cannot be read ({why}); "
                "make one with `sop key create cli --scope events:write`",
                path=path,
                why=os_errors.reason(error),
            )
        ) from error


def post_event(settings: Settings, event: dict[str, Any], wait: float | None) -> dict[str, Any]:
    """Post one event and return the API's answer.

    Parameters:
        wait: seconds to wait for what comes of it; None does not wait.

    Raises SopError with what the API says against it, InstallationError where it does not answer.
    """
    base = url(settings)
    parameters = {} if wait is None else {"wait": str(wait)}
    headers = {"Authorization": f"Bearer {key(settings)}", "Accept-Language": language()}
    try:
        answer = httpx2.post(
            f"{base}/v1/events", json=event, params=parameters, headers=headers, timeout=_PATIENCE + (wait or 0)
        )
    except httpx2.TimeoutException as error:
        raise InstallationError(
            Sentence(
                "the API at {url} did not answer in time; whether event {id} was taken is not known: post it again with this --id",
                url=base,
                id=event["id"],
            )
        ) from error
    except httpx2.HTTPError as error:
        raise InstallationError(
            Sentence(
                "the API does not answer at {url} ({why}); start `sop up` or `sop api`, or set SOP_API_URL",
                url=base,
                why=str(error),
            )
        ) from error
    return _checked(answer, base)


def _checked(answer: httpx2.Response, base: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise SopError(
            Sentence(
                "what answers at {url} is not this engine's API (status {status}); check SOP_API_URL",
                url=base,
                status=answer.status_code,
            )
        )
    if answer.is_success:
        return body
    raise (AccessError if answer.status_code in (401, 403) else SopError)(
        Sentence("{said}", said=body["detail"])
        if body.get("detail")
        else Sentence("status {status}", status=answer.status_code)
    )


def alive(settings: Settings) -> Sentence | None:
    """Return None where the API answers, else why not."""
    base = url(settings)
    try:
        status = httpx2.get(f"{base}/healthz", timeout=5).status_code
    except httpx2.HTTPError as error:
        return Sentence("api does not answer at {url}: {why}", url=base, why=str(error))
    return None if status == 200 else Sentence("api answers {status} at {url}", status=status, url=base)
