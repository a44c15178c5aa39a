"""Pickles of plain data and arrays of whole numbers, such as CIFAR's, read without running anything of theirs.

NumPy's own way back from a pickle takes whatever state the file holds, and a forged type makes it read outside its
memory. So arrays are put together here, from stand-ins that a pickle fills in place of NumPy's classes.
"""

import io
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np

from kindred.workflow.errors import BadInput, first_line

WHOLE = re.compile(r"[biu][1248]")  # codes of types of whole numbers
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


def read(path: Path, what: str) -> dict[bytes, Any]:
    """The map that a pickle holds, its keys as bytes; what: what messages call it.

    Raises BadInput for whatever is damaged, no map, or names other things than arrays of whole numbers.
    """
    try:
        content = path.read_bytes()
        _demand_small_memo(content)
        found = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except BadInput as error:
        raise BadInput(f"'{path}' is no {what}: {error}.") from error
    except Exception as error:  # damaged bytes raise anything
        raise BadInput(f"'{path}' is damaged or no {what}: {first_line(error)}.") from error
    if not isinstance(found, dict):
        raise BadInput(f"'{path}' is no {what}: it holds a {type(found).__name__}.")
    keys = (key.encode(errors="backslashreplace") if isinstance(key, str) else key for key in found)
    values = (value.values if isinstance(value, _Array) else value for value in found.values())
    return dict(zip(keys, values, strict=True))


class _Dtype:
    """Stands for numpy.dtype: the code of a type of whole numbers and its order of bytes."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code, self.order = _word(code), "="
        if not WHOLE.fullmatch(self.code):
            raise BadInput(f"it holds an array of the type {self.code[:20]!r}, but whole numbers are needed")

    def __setstate__(self, state: Any) -> None:
        self.order = _word(state[1])
        if self.order not in ("<", ">", "|", "="):
            raise BadInput(f"it holds an array with bytes in the order {self.order[:20]!r}")


class _Array:
    """Stands for numpy.ndarray and the function that begins one; the state makes the true array."""

    __slots__ = ("values",)

    def __init__(self, *_: Any) -> None:
        self.values = np.zeros(0, dtype=np.uint8)

    def __setstate__(self, state: Any) -> None:
        shape, dtype, by_columns, content = state[-4:]  # with a version before them, or without
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise BadInput("it holds an array without a type or bytes")
        flat = np.frombuffer(content, dtype=np.dtype(dtype.order + dtype.code))
        self.values = flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)


class _Bytes:
    """Stands for codecs.encode, with which Python 3 writes bytes in the old protocols, and for bytes, where empty."""

    __slots__ = ()

    def __new__(cls, text: str = "", encoding: Any = "latin1") -> Any:
        """The bytes of this text in Latin-1."""
        if _word(encoding) != "latin1":
            raise BadInput(f"it holds text in the encoding {_word(encoding)[:20]!r}")
        return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        home = module.removeprefix("numpy.").replace("core.", "_core.").replace("__core", "_core")
        if (home, name) == ("_core.multiarray", "_reconstruct") or (module, name) == ("numpy", "ndarray"):
            return _Array
        if (module, name) == ("numpy", "dtype"):
            return _Dtype
        if (module, name) in (("_codecs", "encode"), ("__builtin__", "bytes"), ("builtins", "bytes")):
            return _Bytes
        raise BadInput(f"it names {module}.{name}, and reading that would run code of the file")


def _word(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _demand_small_memo(content: bytes) -> None:
    """Raise BadInput where a place in the memo is beyond what the pickle has put there: memory is taken up to it."""
    for number, (code, argument, _) in enumerate(pickletools.genops(content)):
        if code.name in PUTS and isinstance(argument, int) and argument > number + 1:
            raise BadInput(f"it remembers something at the place {argument:,} after {number:,} steps")
