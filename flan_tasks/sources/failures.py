"""Why rows could not be fetched, in words: what was asked for, what came instead."""

import errno
import re
from collections.abc import Iterator, Sequence

from flan_tasks.core import extras

_URL = re.compile(r"(?:https?|ftp|gs)://[^\s'\",)>]+")
_CODE = re.compile(r"HTTP code: (\d+)|\b(\d{3}) (?:Client|Server) Error|too many (\d{3}) error")
_CODES = {
    401: "it wants a login",
    403: "it is not for everyone, or no longer",
    404: "it is not there any more",
    407: "the proxy wants a login",
    410: "it is not there any more",
    429: "too many requests for now",
}
# Names of exception classes -> what they mean; looked up in every class of the chain, so that
# neither requests, urllib3, httpx nor a library's own errors need to be imported.
_KINDS = {
    "ProxyError": "the proxy that HTTPS_PROXY or HTTP_PROXY names does not let it through",
    "SSLError": "its certificate is not accepted (REQUESTS_CA_BUNDLE names others)",
    "SSLCertVerificationError": "its certificate is not accepted",
    "NameResolutionError": "its host is not found: no network, or no such name",
    "gaierror": "its host is not found: no network, or no such name",
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE or HF_DATASETS_OFFLINE forbids the network",
    "LocalEntryNotFoundError": "the hub is not reached, and its cache here lacks the file",
    "ConnectTimeoutError": "its host does not answer",
    "ConnectTimeout": "its host does not answer",
    "ReadTimeoutError": "its host stopped answering",
    "ReadTimeout": "its host stopped answering",
    "TimeoutError": "its host does not answer",
    "ConnectionRefusedError": "its host takes no connection",
    "ConnectionResetError": "the connection broke off",
    "IncompleteRead": "the connection broke off",
    "ChunkedEncodingError": "the connection broke off",
    "ProtocolError": "the connection broke off",
    "NonMatchingChecksumError": (
        "its checksum is not the one known to TFDS: its owner has changed it, or the download was "
        "damaged on its way"
    ),
    "GatedRepoError": "its owner gives it to those who asked on its page and have a token",
    "RepositoryNotFoundError": "the hub has none of that name, or shows it to its owner alone",
    "RevisionNotFoundError": "the hub has no such revision of it",
    "DatasetNotFoundError": "the hub has none of that name, or it is not reached",
    "ExtractError": "the archive that came is damaged",
    "BadZipFile": "the archive that came is damaged",
    "ReadError": "the archive that came is damaged",
    "EOFError": "the archive that came is damaged",
    "NewConnectionError": "its host is not reached",
    "ConnectionError": "its host is not reached",
    "ConnectError": "its host is not reached",
    "MaxRetryError": "its host is not reached",
}
# What is wrong is not with the place that was asked: nothing is said of an address.
_HERE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
}


def in_words(error: BaseException, what: str, *, hosts: Sequence[str] = ()) -> str:
    """Returns one line for whatever a library raised while it fetched rows.

    Args:
      error: what it raised.
      what: what is being done, as the first words of a sentence.
      hosts: what is asked; told where the error itself names no address.
    """
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ImportError):
            text = extras.explain(one, what)
            if text is not None:
                return text
    asked = _asked(chain) or ", ".join(hosts)
    at = f" ({asked})" if asked else ""
    for one in chain:
        if isinstance(one, OSError) and one.errno in _HERE:
            file = f": {one.filename}" if one.filename else ""
            return f"{what} failed: {_HERE[one.errno]}{file}"
        if str(one).startswith("Not enough disk space"):
            return f"{what} failed: {_first(one)}"
    code = next((found for one in chain if (found := _http_code(one))), None)
    if code is not None:
        meaning = _CODES.get(code, "the server has a fault" if code >= 500 else "refused")
        return f"{what} failed: the answer is HTTP {code}, {meaning}{at}"
    # Classes inherit from each other and wrap each other; those that say most come first there.
    names = {cls.__name__ for one in chain for cls in type(one).__mro__}
    # Where a library keeps no more of an error than its name, at the end of its message.
    names |= {name for one in chain for name in re.findall(r"\((\w+)\)$", str(one))}
    meaning = next((text for name, text in _KINDS.items() if name in names), None)
    if meaning is not None:
        return f"{what} failed: {meaning}{at or f' ({_first(error)})'}"
    return f"{what} failed: {type(error).__name__}: {_first(error)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it was raised from, or wraps in its arguments, each once."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        one = left.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _asked(chain: list[BaseException]) -> str:
    """The address that was asked for, or the host where no more is known."""
    for one in chain:
        url = getattr(getattr(one, "request", None), "url", None)
        if url:
            return str(url)
    for one in chain:
        match = _URL.search(str(one))
        if match:
            return match.group().rstrip(".:")
    for one in chain:
        host = getattr(getattr(one, "pool", None), "host", None)
        if host:
            return str(host)
    return ""


def _http_code(error: BaseException) -> int | None:
    code = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(code, int) and code >= 400:
        return code
    match = _CODE.search(str(error))
    return int(next(group for group in match.groups() if group)) if match else None


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
