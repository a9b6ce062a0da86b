"""From bytes to text, and the question whether a file is worth reading at all.

Worked example: ``decode(b"# coding: latin-1\\nname = 'caf\\xe9'\\r\\n")`` ends in ``'café'\\r\\n``.
"""

from __future__ import annotations

import re
import tokenize
from codecs import BOM_UTF8

FRAMEWORKS = (
    "torch", "lightning", "timm", "monai", "kornia", "albumentations", "segmentation_models", "transformers",
    "accelerate", "ignite", "fastai", "diffusers", "detectron2", "mmcv", "mmdet", "mmengine", "mmseg", "catalyst",
    "deepspeed", "fairseq", "einops", "torchio", "peft", "ultralytics",
)  # fmt: skip
_MENTION = re.compile("|".join(FRAMEWORKS).encode())


class DecodeError(Exception):
    """Bytes that are no text in the encoding they claim; `row` counts from 1."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.message = message
        self.row = row


class EncodeError(Exception):
    """A text that cannot be written in the encoding of its file."""


def decode(data: bytes) -> str:
    """The text of a Python file, by its byte order mark or encoding comment (PEP 263), else UTF-8.

    A byte order mark is dropped; line ends and form feeds stay. Raises `DecodeError`.
    """
    nul = data.find(b"\0")
    if nul >= 0:
        raise DecodeError("a NUL byte: this is no text file", _row(data, nul))
    encoding = encoding_of(data)
    body = data[len(BOM_UTF8) :] if data.startswith(BOM_UTF8) else data
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"byte 0x{body[error.start]:02x} is not valid {encoding}"
        raise DecodeError(message, _row(body, error.start)) from error
    except (UnicodeError, LookupError) as error:
        raise DecodeError(f"cannot be decoded as {encoding}", 1) from error
    nul = text.find("\0")
    if nul >= 0:
        raise DecodeError("a NUL character: this is no text file", text.count("\n", 0, nul) + 1)
    return text


def encode(text: str, like: bytes) -> bytes:
    """The bytes of a text that is to take the place of a file: in its encoding, with its byte order mark.

    Raises:
        EncodeError: the encoding has not all characters, or cannot give back the file as it was.
    """
    encoding = encoding_of(like)
    mark = BOM_UTF8 if like.startswith(BOM_UTF8) else b""
    try:
        exact = mark + decode(like).encode(encoding) == like
        data = mark + text.encode(encoding)
        if exact and decode(data) == text:
            return data
    except (UnicodeError, LookupError, DecodeError) as error:
        raise EncodeError(f"cannot be written as {encoding}") from error
    raise EncodeError(f"cannot be written as {encoding}")


def mentions_framework(data: bytes) -> bool:
    """Whether the bytes hold the name of a framework that torchlint knows; a file that does not is not parsed."""
    return _MENTION.search(data) is not None


def encoding_of(data: bytes) -> str:
    """The encoding that a Python file says it has. Raises `DecodeError`."""
    lines = iter(data.splitlines(keepends=True)[:2] if len(data) < 4096 else _head(data))
    try:
        encoding, _ = tokenize.detect_encoding(lambda: next(lines))
    except SyntaxError as error:
        message = str(error.msg)
        if "utf-8" in message and "unknown" not in message and "problem" not in message:
            return "utf-8"  # the decoder says which byte
        raise DecodeError(message, 1) from error
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _head(data: bytes) -> list[bytes]:
    """The first two lines, without splitting a large file."""
    first = data.find(b"\n") + 1
    second = data.find(b"\n", first) + 1 if first else 0
    if not second:
        return [data[:first], data[first:]] if first else [data]
    return [data[:first], data[first:second]]


def _row(data: bytes, index: int) -> int:
    return data.count(b"\n", 0, index) + 1
