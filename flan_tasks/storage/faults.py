"""What went wrong at an address, in one line that holds no credentials."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from flan_tasks.core.address import Address
from flan_tasks.core.errors import BuildError, FlanTasksError

READ, WRITTEN = "read", "written"
# Names and codes of errors of botocore, s3fs, gcsfs and google-auth. They are told by name, as none
# of these libraries need be there, and by words, as a server's answer often comes as plain OSError.
_REFUSED = re.compile(
    r"NoCredentials|PartialCredentials|CredentialRetrieval|TokenRetrieval|DefaultCredentials"
    r"|RefreshError|AccessDenied|Access Denied|AllAccessDisabled|ExpiredToken|InvalidAccessKeyId"
    r"|SignatureDoesNotMatch|InvalidToken|Unauthorized|Forbidden|Anonymous caller|\b40[13]\b"
)
_NO_PLACE = re.compile(r"NoSuchBucket|bucket does not exist|Not Found|\b404\b")
_UNREACHED = re.compile(
    r"EndpointConnection|ClientConnector|ConnectionRefused|ConnectionClosed|ServerDisconnected"
    r"|NameResolution|Could not connect|Cannot connect|ProxyConnection|SSLError"
)
_LATE = re.compile(r"Timeout|timed out|Timed out")
# Whatever may carry a key in a library's text: what stands behind ? or before @ of an address, and
# values that stand behind such names.
_QUERY = re.compile(r"\?[^\s'\"<>)]*")
_USER = re.compile(r"://[^\s/@'\"]*@")
_NAMED = re.compile(
    r"(?i)((?:access|secret|session|security|api|private)?[-_ ]?"
    r"(?:key|token|secret|password|signature|authorization|credential)s?(?:[-_ ]?id)?"
    r"['\"]?\s*[:=]\s*(?:bearer\s+)?|bearer\s+)['\"]?[^\s'\",;)]+"
)
_SECRETS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")
_LONGEST = 200


@contextmanager
def told(address: Address, doing: str) -> Iterator[None]:
    """Turns whatever a library raises inside into one line about an address.

    Args:
      address: what is read or written.
      doing: READ or WRITTEN.

    Raises:
      BuildError: in place of any other error, which is not kept: its text may hold anything.
      FileNotFoundError, FileExistsError: as they are; whoever asks knows what they mean.
    """
    try:
        yield
    except (FlanTasksError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:  # noqa: BLE001 - each library has its own, most of no common kind
        raise storage_error(error, address, doing) from None


def storage_error(error: BaseException, address: Address, doing: str) -> BuildError:
    """Returns what to say of an error at an address."""
    known = f"{type(error).__name__}: {error}"
    if isinstance(error, PermissionError) or _REFUSED.search(known):
        what = (
            f"access is refused ({_reason(error)}). Look at the credentials in the environment and "
            "at what they allow"
        )
    elif isinstance(error, FileNotFoundError) or _NO_PLACE.search(known):
        what = "there is no such bucket"
    elif isinstance(error, TimeoutError) or _LATE.search(known):
        what = f"the server does not answer in time ({_reason(error)})"
    elif isinstance(error, ConnectionError) or _UNREACHED.search(known):
        what = f"the server cannot be reached ({_reason(error)})"
    else:
        what = _reason(error)
    if doing == WRITTEN:
        what += ". What is complete there is kept; run the same command again"
    return BuildError(f"{address} cannot be {doing}: {what}")


def without_credentials(text: str) -> str:
    """Returns a text without what may be a key: queries, users, values of the environment."""
    for name, value in os.environ.items():
        if len(value) >= 8 and any(word in name.upper() for word in _SECRETS):
            text = text.replace(value, "***")
    return _NAMED.sub(r"\1***", _QUERY.sub("?***", _USER.sub("://***@", text)))


def _reason(error: BaseException) -> str:
    """The type of an error and the first line of its text."""
    # Without the number, which libraries make up.
    said = getattr(error, "strerror", None) or str(error)
    lines = without_credentials(str(said)).strip().splitlines()
    text = lines[0].strip().rstrip(".") if lines else ""
    name = type(error).__name__
    if not text or text == name:
        return name
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return shown if isinstance(error, OSError) else f"{name}: {shown}"
