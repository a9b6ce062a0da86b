from __future__ import annotations

import codecs

import pytest

from torchlint.source.text import DecodeError, decode, mentions_framework


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"x = 1\n", "x = 1\n"),
        ("größe = 224\n".encode(), "größe = 224\n"),
        (codecs.BOM_UTF8 + "naïve = 1\n".encode(), "naïve = 1\n"),
        (codecs.BOM_UTF8 + b"# -*- coding: utf-8 -*-\nx = 1\n", "# -*- coding: utf-8 -*-\nx = 1\n"),
        (b"# coding: latin-1\nname = 'caf\xe9'\r\n", "# coding: latin-1\nname = 'café'\r\n"),
        (b"#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\nname = '\x80'\n", None),
        (b"x = 1\r\ny = 2\rz = 3\n", "x = 1\r\ny = 2\rz = 3\n"),
        (b"x = 1\n\x0cclass A:\n    pass\n", "x = 1\n\x0cclass A:\n    pass\n"),
        ("# coding: gbk\nname = '图像'\n".encode("gbk"), "# coding: gbk\nname = '图像'\n"),
        (b"# coding: latin-1", "# coding: latin-1"),
    ],
)
def test_decode(data: bytes, text: str | None) -> None:
    if text is None:
        assert decode(data).endswith("'€'\n")
    else:
        assert decode(data) == text


def test_the_cookie_counts_in_the_first_two_lines_only() -> None:
    with pytest.raises(DecodeError):
        decode(b"import torch\nimport timm\n# coding: latin-1\nname = 'caf\xe9'\n")


@pytest.mark.parametrize(
    ("data", "row", "part"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "0xe9 is not valid utf-8"),
        (b"x = 1\n" * 2000 + b"y = '\xff'\n", 2001, "0xff"),
        (b"import torch\nx = '\0'\n", 2, "NUL"),
        (b"# coding: no-such-codec\nx = 1\n", 1, "no-such-codec"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", 1, "encoding problem"),
        (b"\xff\xfex\0=\0", 1, "NUL"),
        (b"# coding: hex\n00", 1, "hex"),
    ],
)
def test_bytes_that_are_no_text(data: bytes, row: int, part: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.row == row
    assert part in caught.value.message


def test_what_mentions_a_framework() -> None:
    assert mentions_framework(b"import os\nimport torch.nn as nn\n")
    assert mentions_framework(b"from pytorch_lightning import Trainer\n")
    assert mentions_framework(b"import segmentation_models_pytorch as smp\n")
    assert not mentions_framework(b"import os\n\ndef main():\n    return os.getcwd()\n")
    assert not mentions_framework(b"")
