"""Networks written as ONNX and run in the place of torch's."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from cs_framework.api.components import Env
from cs_framework.errors import SetupError
from cs_framework.pipeline.onnx import OnnxNetwork, check_onnx, use_network, write_network
from tests.framework.pipeline import nets


class Component:
    """As small as an exportable component can be."""

    network_input = (3,)

    def __init__(self, network: nn.Module) -> None:
        self.network = network


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line, self.drop = nn.Linear(3, 2), nn.Dropout(0.5)

    def forward(self, batch):
        made = self.drop(self.line(batch))
        return made[:, 0], made[:, :0], made


def test_an_exported_network_gives_the_same_for_any_number_of_items(tmp_path):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = TwoHeads()
    component = Component(network)
    write_network(component, tmp_path / "network.onnx")
    use_network(component, tmp_path / "network.onnx", Env())
    assert isinstance(component.network, OnnxNetwork)
    assert list(tmp_path.iterdir()) == [tmp_path / "network.onnx"]  # weights lie in no other file
    for items in (0, 1, 2, 7):
        batch = torch.rand(items, 3, generator=torch.Generator().manual_seed(items))
        with torch.inference_mode():
            for mine, theirs in zip(component.network(batch), network.eval()(batch), strict=True):
                assert mine.shape == theirs.shape
                np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_one_output_comes_alone_and_float16_is_taken():
    network = OnnxNetwork(nets.scaled(), threads=1)
    batch = torch.tensor([[1, 2, 3.0]], dtype=torch.float16)
    assert network(batch).tolist() == [[2, 4, 6]]
    assert next(network.parameters()).device == batch.device


def test_another_file_has_another_state():
    one, two = (OnnxNetwork(nets.scaled(factor), threads=1).state_dict()["file"] for factor in (2.0, 3.0))
    assert not torch.equal(one, two)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a readable ONNX file"),
        (b"\x80\x04" + bytes(100), "not a readable ONNX file"),
        (nets.scaled()[:-20], "not a readable ONNX file"),
        (nets.elsewhere("../../secret"), "lies in another file"),
        (nets.constant_elsewhere("/etc/passwd"), "lies in another file"),
        (nets.looping(), "neither loops nor branches"),
        (nets.foreign(), "com.example"),
        (nets.with_function(), "functions"),
    ],
    ids=[
        "empty",
        "no protobuf",
        "truncated",
        "weights elsewhere",
        "constant elsewhere",
        "loop",
        "operator",
        "function",
    ],
)
def test_files_that_are_no_plain_network_are_refused(content, told, tmp_path):
    file = tmp_path / "network.onnx"
    file.write_bytes(content)
    component = Component(nn.Identity())
    with pytest.raises(SetupError, match=told) as caught:
        use_network(component, file, Env())
    assert str(file) in str(caught.value)
    assert isinstance(component.network, nn.Identity)


@pytest.mark.parametrize("network", [nn.Linear(3, 4), TwoHeads()], ids=["another shape", "more outputs"])
def test_a_file_of_another_network_is_refused(network, tmp_path):
    (tmp_path / "network.onnx").write_bytes(nets.scaled())
    with pytest.raises(SetupError, match="another network"):
        use_network(Component(network), tmp_path / "network.onnx", Env())


def test_a_component_without_a_network_takes_none(tmp_path):
    with pytest.raises(SetupError, match="remove the file"):
        use_network(object(), tmp_path / "network.onnx", Env())


def test_what_is_not_installed_is_named_with_the_cure(monkeypatch):
    check_onnx()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(SetupError, match=r"onnxruntime.*pip install 'cytoplasmic-strings\[onnx\]'"):
        check_onnx()


def test_a_network_that_onnx_cannot_say_is_named(tmp_path):
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, batch):
            return batch * self.weight if float(batch.detach().sum().item()) > 0 else batch

    with pytest.raises(SetupError, match="Odd cannot be written as ONNX"):
        write_network(Component(Odd()), tmp_path / "network.onnx")
