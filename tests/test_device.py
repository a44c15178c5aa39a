"""The device that a config names, on machines with and without a GPU."""

import pytest
import torch
from kindred.workflow import device
from kindred.workflow.errors import BadInput


@pytest.mark.parametrize("found", [False, True])
def test_device_by_what_is_available(monkeypatch: pytest.MonkeyPatch, found: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: found)
    assert device.choose("auto").type == ("cuda" if found else "cpu")
    assert device.choose("cpu").type == "cpu"
    for wanted in ("cuda", "mps"):
        if found:
            assert device.choose(wanted).type == wanted
        else:
            with pytest.raises(BadInput, match=f"device is '{wanted}', but torch sees no .* auto and cpu"):
                device.choose(wanted)
