"""Which changes of a file a fingerprint survives, and which it does not."""

from __future__ import annotations

import pytest

from torchlint.diagnostic import Location, Span
from torchlint.source.fingerprint import fingerprint, numbered, scope, words

TEXT = '''\
import torch


class Net(nn.Module):
    """A net.

def not_me():
    """

    def loss(self, x, y):
        if x is None:
            return 0
        return bce(self.net(x), y)


print(bce(self.net(x), y))
'''


def span_of(text: str, source: str, number: int = 0) -> Span:
    """Where `source` stands in `text` for the `number`-th time, from 0."""
    start = -1
    for _ in range(number + 1):
        start = text.index(source, start + 1)
    places = []
    for offset in (start, start + len(source)):
        before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
        places.append(Location(before.count("\n") + 1, len(before) - before.rfind("\n")))
    return Span("a.py", places[0], places[1])


def printed(text: str, source: str = "bce(self.net(x), y)", code: str = "TL101", path: str = "a.py") -> str:
    return fingerprint(code, path, text, span_of(text, source))


def test_a_scope_is_the_names_around() -> None:
    assert scope(TEXT, span_of(TEXT, "bce(self.net(x), y)")) == "Net.loss"
    assert scope(TEXT, span_of(TEXT, "bce(self.net(x), y)", 1)) == ""
    assert scope(TEXT, span_of(TEXT, "def loss")) == "Net"
    assert scope(TEXT, span_of(TEXT, "import torch")) == ""
    nested = "async def a():\n    def b(\n        x=f(1),\n    ):\n        pass\n    g(\n  h()\n)\n"
    assert scope(nested, span_of(nested, "f(1)")) == "a"
    assert scope(nested, span_of(nested, "pass")) == "a.b"
    assert scope(nested, span_of(nested, "h()")) == "a"


@pytest.mark.parametrize(
    "changed",
    [
        "\n\n\n" + TEXT,
        TEXT.replace("import torch", "import torch\n\n\ndef helper():\n    return bce(1, 2)"),
        TEXT.replace("        return bce", "        y = y + 1\n        return bce"),
        TEXT.replace("        return bce", "        return 2 * bce"),
        TEXT.replace("        return bce(self.net(x), y)", "        with a:\n            return bce(self.net(x), y)"),
        TEXT.replace("    ", "\t"),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r"),
        TEXT.replace("A net.", "A network, see\n\nclass Other:\n    pass\n"),
        TEXT.replace("nn.Module", "torch.nn.Module"),
        TEXT.replace("x is None", "not_me() is None"),
    ],
)
def test_what_it_survives(changed: str) -> None:
    assert printed(changed) == printed(TEXT)


@pytest.mark.parametrize(
    "laid_out",
    [
        "bce( self.net(x),y )",
        "bce(\n            self.net(x),  # raw\n            y,\n        )",
        "bce(self.net(x), \\\n  y)",
        "bce(\r\n\tself.net(x), y)",
    ],
)
def test_layout_does_not_matter(laid_out: str) -> None:
    changed = TEXT.replace("bce(self.net(x), y)", laid_out)
    assert printed(changed, laid_out) == printed(TEXT)


def test_what_it_does_not_survive() -> None:
    others = {
        printed(TEXT.replace("self.net(x)", "self.net(y)"), "bce(self.net(y), y)"),
        printed(TEXT.replace("def loss", "def cost")),
        printed(TEXT.replace("Net", "Other")),
        printed(TEXT, code="TL102"),
        printed(TEXT, path="b.py"),
        printed(TEXT),
    }
    assert len(others) == 6


def test_space_in_strings_and_between_words_counts() -> None:
    def of(source: str) -> str:
        return words(source, span_of(source, source))

    assert of("f('a  #  b')") == "f('a  #  b')"
    assert of("not  x") == "not x"
    assert of("a if b else 'c'") == "a if b else'c'"
    assert of('"""a\n  b"""') == '"""a\n  b"""'


def test_paths_are_the_same_on_all_platforms() -> None:
    assert printed(TEXT, path="src\\a.py") == printed(TEXT, path="src/a.py")


def test_a_place_beyond_the_text_has_no_source() -> None:
    far = Span("a.py", Location(99, 1), Location(99, 2))
    assert words(TEXT, far) == ""
    assert len(fingerprint("TL000", "a.py", TEXT, far)) == 32
    assert fingerprint("TL000", "a.py", "", far) == fingerprint("TL000", "a.py", "", far)


@pytest.mark.parametrize(
    "broken", ["x = '''\n", "def f(:\n    (\n", "'\n'", "\\", "]])\n  def g(): pass", "f'{x['a']}'"]
)
def test_a_text_that_does_not_parse_has_fingerprints(broken: str) -> None:
    assert len(fingerprint("TL001", "a.py", broken, Span("a.py", Location(1, 1), Location(1, 2)))) == 32


def test_equal_ones_are_numbered() -> None:
    assert numbered(["a", "b", "a", "a"]) == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
