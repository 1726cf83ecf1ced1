"""The API, as commands call it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2

from engine.core.errors import AccessError, InstallationError, SopError
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
                f"SOP_API_URL `{settings.api_url}` is no URL; write http://host:port or https://host"
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
            f"no API key: SOP_API_KEY is not set and {path} cannot be read ({error.strerror}); "
            "make one with `sop key create cli --scope events:write`"
        ) from error


def post_event(settings: Settings, event: dict[str, Any], wait: float | None) -> dict[str, Any]:
    """Post one event and return the API's answer.

    Parameters:
        wait: seconds to wait for what comes of it; None does not wait.

    Raises SopError with what the API says against it, InstallationError where it does not answer.
    """
    base = url(settings)
    parameters = {} if wait is None else {"wait": str(wait)}
    headers = {"Authorization": f"Bearer {key(settings)}"}
    try:
        answer = httpx2.post(
            f"{base}/v1/events", json=event, params=parameters, headers=headers, timeout=_PATIENCE + (wait or 0)
        )
    except httpx2.TimeoutException as error:
        raise InstallationError(
            f"the API at {base} did not answer in time; whether event {event['id']} was taken is not known: post it again with this --id"
        ) from error
    except httpx2.HTTPError as error:
        raise InstallationError(
            f"the API does not answer at {base} ({error}); start `sop up` or `sop api`, or set SOP_API_URL"
        ) from error
    return _checked(answer, base)


def _checked(answer: httpx2.Response, base: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise SopError(
            f"what answers at {base} is not this engine's API (status {answer.status_code}); check SOP_API_URL"
        )
    if answer.is_success:
        return body
    raise (AccessError if answer.status_code in (401, 403) else SopError)(
        str(body.get("detail") or f"status {answer.status_code}")
    )


def alive(settings: Settings) -> str | None:
    """Return None where the API answers, else why not."""
    base = url(settings)
    try:
        status = httpx2.get(f"{base}/healthz", timeout=5).status_code
    except httpx2.HTTPError as error:
        return f"does not answer at {base}: {error}"
    return None if status == 200 else f"answers {status} at {base}"
