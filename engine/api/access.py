"""Who may call: `Authorization: Bearer sop_<id>_<secret>` and the scopes of the key."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from engine.api.problems import ApiProblem
from engine.core.errors import AccessError
from engine.core.sentence import Sentence, codes
from engine.services.operations.api_keys import ApiKeys, Key

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sop"'}


async def require(request: Request, keys: ApiKeys, scope: str) -> Key:
    """Return the key of a request that may do what `scope` stands for.

    Raises ApiProblem 401 without a valid key, 403 with one that lacks the scope.
    """
    token = _token(request)
    try:
        remembered = keys.remembered(token)
        key = remembered if remembered is not None else await run_in_threadpool(keys.verify, token)
    except AccessError as error:
        raise ApiProblem(401, error.message, headers=_CHALLENGE) from None
    if not key.allows(scope):
        raise ApiProblem(
            403,
            Sentence(
                "this call needs a key with the scope `{scope}`; this one has {scopes}",
                scope=scope,
                scopes=codes(sorted(key.scopes)),
            ),
        )
    return key


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise ApiProblem(
            401, Sentence("send an API key: `Authorization: Bearer sop_<id>_<secret>`"), headers=_CHALLENGE
        )
    return token.strip()
