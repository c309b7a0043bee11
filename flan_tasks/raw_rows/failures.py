"""Why rows could not be fetched, in words: what was asked for, what came instead."""

import errno
import re
from collections.abc import Iterator, Sequence

from flan_tasks.core import extras

_URL = re.compile(r"(?:https?|ftp|gs)://[^\s'\",)>]+")
# The folders of a path, whose last part stays.
_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"]+/)+")
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


def in_words(
    error: BaseException, what: str, *, hosts: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Returns one line for whatever a library raised while it fetched rows, and notes to it.

    The line goes into manifests and holds no path of this machine; the notes may.

    Args:
      error: what it raised.
      what: what is being done, as the first words of a sentence.
      hosts: what is asked; told where the error itself names no address.
    """
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ImportError) and (missing := extras.explain(one, what)) is not None:
            return missing.problem, [missing.command]
        if isinstance(one, OSError) and one.errno in _HERE:
            return f"{what} failed: {_HERE[one.errno]}", [str(one.filename)] * bool(one.filename)
        if str(one).startswith("Not enough disk space"):
            return f"{what} failed: {_first(one)}", []
    asked = _asked(chain) or ", ".join(hosts)
    return f"{what} failed: {_network(chain, asked) or _as_raised(error)}", []


def _network(chain: list[BaseException], asked: str) -> str:
    """What came instead of an answer; empty where it is not known for what it is."""
    at = f" ({asked})" if asked else ""
    code = next((found for one in chain if (found := _http_code(one))), None)
    if code is not None:
        meaning = _CODES.get(code, "the server has a fault" if code >= 500 else "refused")
        return f"the answer is HTTP {code}, {meaning}{at}"
    names = {cls.__name__ for one in chain for cls in type(one).__mro__}
    # Where a library keeps no more of an error than its name, at the end of its message.
    names |= {name for one in chain for name in re.findall(r"\((\w+)\)$", str(one))}
    # Classes inherit from each other and wrap each other; those that say most come first there.
    kind = next((text for name, text in _KINDS.items() if name in names), None)
    return f"{kind}{at or f' ({_first(chain[0])})'}" if kind else ""


def _as_raised(error: BaseException) -> str:
    return f"{type(error).__name__}: {_first(error)}"


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
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return _FOLDERS.sub("", line)[:300].rstrip(".")
