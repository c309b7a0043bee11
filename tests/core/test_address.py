from pathlib import Path

import pytest

from flan_tasks.core.address import Address, path_or_address
from flan_tasks.core.errors import DeclarationError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket/folder/", Address("s3://bucket/folder")),
        ("gs://bucket", Address("gs://bucket")),
        ("file:///tmp/x", Path("/tmp/x")),
        ("out/first", Path("out/first")),
        (Path("out"), Path("out")),
        ("odd:name", Path("odd:name")),
        (Address("s3://b/x"), Address("s3://b/x")),
    ],
)
def test_a_text_is_a_path_or_an_address(text, place):
    assert path_or_address(text) == place


def test_what_lies_under_an_address_has_one_too():
    inside = Address("s3://bucket/a/") / "b/c.json"
    assert str(inside) == "s3://bucket/a/b/c.json"
    assert (inside.protocol, inside.name) == ("s3", "c.json")


@pytest.mark.parametrize(
    "text",
    ["s3://AKIAKEY:hidden@bucket/x", "https://host/x?X-Amz-Signature=hidden", "gs://hidden@b/x"],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(text):
    with pytest.raises(DeclarationError, match="found in the environment") as caught:
        path_or_address(text)
    assert "hidden" not in str(caught.value) and "AKIA" not in str(caught.value)


@pytest.mark.parametrize("text", ["s3://", "s3:///x", "s3://b/../x", "s3://b/./x"])
def test_what_names_no_folder_is_refused(text):
    with pytest.raises(DeclarationError, match="no address of a folder"):
        path_or_address(text)


def test_an_address_that_lost_a_slash_in_a_path_is_refused():
    with pytest.raises(DeclarationError, match='give it as a text, such as "s3://bucket/x"'):
        path_or_address(Path("s3://bucket/x"))
