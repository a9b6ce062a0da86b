"""The way of the data as a drawing."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.frontends.browser import picture as photographed
from tests.frontends.test_trace import DATA, TRAIN
from torchlint.engine import registry
from torchlint.frontends.configuration import Configuration
from torchlint.frontends.reveal import Look, Target
from torchlint.frontends.trace import Ways, ways
from torchlint.report.text import Paint
from torchlint.report.trace import picture
from torchlint.report.trace_svg import CHARACTER, MARGIN, drawing

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a <b onload="x()">&amp;\u202e\x1b\ufffe.py'


def shown(files: dict[str, str], path: str) -> Ways:
    """What is shown of a file among these."""
    given = {name: text.encode() for name, text in files.items()}
    target = Target(path, 0, None)
    look = Look(target, given, Configuration(isolated=True))
    return ways(look, target, look.analysed(trace=True), registry.load(()).rules)


@pytest.fixture(scope="module")
def found() -> Ways:
    return shown({"data.py": DATA, "train.py": TRAIN}, "train.py")


def texts(drawn: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def words(text: str) -> list[str]:
    return re.findall(r"[^\s→·●│▣◆✗]+", text)


def test_it_says_what_the_text_says(found: Ways) -> None:
    """In the same order, but that a place stands before what is known there."""
    drawn = " ".join(texts(drawing(*found)))
    assert sorted(words(drawn)) == sorted(words(picture(*found, Paint(on=False))))


def test_what_changes_is_set_off(found: Ways) -> None:
    root = ElementTree.fromstring(drawing(*found))
    styles = {"".join(text.itertext()): text.get("class") for text in root.iter(f"{SVG}text")}
    assert (styles["uint8 PIL"], styles["B×3×64×64"], styles["Net"]) == ("same", "new", "name")
    boxes = [box.get("class") for box in root.iter(f"{SVG}rect")]
    assert boxes.count("end") == len(found.paths)
    arrows = [path for path in root.iter(f"{SVG}path") if path.get("class") == "arrow"]
    assert len(arrows) == boxes.count("box") - len(found.paths)


@pytest.mark.parametrize("spoken_of", [True, False])
def test_everything_lies_within(found: Ways, spoken_of: bool) -> None:
    said = found.said if spoken_of else lambda path: []
    root = ElementTree.fromstring(drawing(found.paths, found.where, said))
    width, height = (float(root.get(name, "")) for name in ("width", "height"))
    for text in root.iter(f"{SVG}text"):
        assert float(text.get("x", "")) + len("".join(text.itertext())) * CHARACTER <= width
        assert 0 < float(text.get("y", "")) < height
    for box in root.iter(f"{SVG}rect"):
        if box.get("class") != "back":
            assert float(box.get("x", 0)) + float(box.get("width", "")) + MARGIN <= width + 1
            assert float(box.get("y", 0)) + float(box.get("height", "")) + MARGIN <= height + 1


def test_nothing_of_a_linted_file_is_markup() -> None:
    train = TRAIN.replace("net(leaf)", "net(leaf if '<b>&' else leaf)")
    found = shown({"data.py": DATA, HOSTILE: train}, HOSTILE)
    drawn = drawing(*found)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ufffe]", drawn)
    root = ElementTree.fromstring(drawn)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "title", "style", "rect", "path", "text",
    }  # fmt: skip
    names = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in names if name.startswith("on") or "href" in name}
    assert any(text.startswith('a <b onload="x()">&amp;\\u202e\\x1b\\ufffe.py:24 · ') for text in texts(drawn))
    assert "url(" not in drawn and "@import" not in drawn


def test_it_is_light_or_dark_as_is_preferred(found: Ways, tmp_path: Path) -> None:
    page = tmp_path / "way.svg"
    page.write_text(drawing(*found), encoding="utf-8")
    light, dark = (corner(photographed(page, tmp_path / "profile", dark=dark)) for dark in (False, True))
    assert (light, dark) == ((0xFF, 0xFF, 0xFF), (0x14, 0x18, 0x1E))


def corner(image: bytes) -> tuple[int, ...]:
    """The colour of the first pixel of a PNG file; no filter changes it."""
    data, at = b"", 8
    while at < len(image):
        size = int.from_bytes(image[at : at + 4], "big")
        if image[at + 4 : at + 8] == b"IDAT":
            data += image[at + 8 : at + 8 + size]
        at += size + 12
    return tuple(zlib.decompress(data)[1:4])
