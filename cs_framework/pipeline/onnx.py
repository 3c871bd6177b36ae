"""A component's network as an ONNX file: written by torch's exporter, run by ONNX Runtime.

An ONNX file is a program in operators for numbers: it cannot name code, and what it could name files or
loops with is refused. It can still ask for much memory, so a bundle of unknown origin is best run under a
limit (SECURITY.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cs_framework.api.components import Env, Exportable
from cs_framework.errors import SetupError

_DOMAINS = {"", "ai.onnx"}


class OnnxNetwork(nn.Module):
    """Stands in for the network that an ONNX file was made from; runs on the CPU.

    It holds the file as a parameter, so that whoever asks a network for its device or hashes its weights
    gets an answer.

    Args:
        model: the content of the file.
        threads: of ONNX Runtime.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4  # what is wrong is raised; the log would go to the user's terminal
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]
        file = torch.frombuffer(bytearray(model), dtype=torch.uint8)
        self.file = nn.Parameter(file, requires_grad=False)

    def forward(self, batch: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What the network makes of a batch, as float32 on the batch's device."""
        found = self._session.run(None, dict.fromkeys(self._inputs, batch.float().numpy(force=True)))
        outputs = tuple(torch.from_numpy(one).to(batch.device) for one in found)
        return outputs[0] if len(outputs) == 1 else outputs


def check_onnx() -> None:
    """Look for the packages that exporting and running exported networks take.

    Raises:
        SetupError: some are not installed.
    """
    if missing := [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]:
        raise SetupError(
            f"exported networks need {', '.join(missing)}, not installed here: "
            "pip install 'cytoplasmic-strings[onnx]'"
        )


def write_network(component: Exportable, path: Path) -> None:
    """Write a component's network with a dynamic batch axis.

    Raises:
        SetupError: torch cannot express the network in ONNX.
        OSError: the file cannot be written.
    """
    network = component.network.eval()
    example = _example(component, 2)  # with one item torch would take the axis for constant
    try:
        with warnings.catch_warnings():  # of torch, about itself
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (example.to(next(network.parameters()).device),),
                path,
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                external_data=False,
                verbose=False,
            )
    except OSError:
        raise
    except Exception as error:
        raise SetupError(f"{type(network).__name__} cannot be written as ONNX: {error}") from error


def use_network(component: Any, path: Path, env: Env) -> None:
    """Replace a component's network by its exported form.

    Raises:
        SetupError: the file is damaged, refused or of another network, or the component has no network.
    """
    check_onnx()
    if not isinstance(component, Exportable):
        raise SetupError(f"{path}: {type(component).__name__} takes no exported network; remove the file")
    try:
        model = path.read_bytes()
        _check_model(model)
        exported = OnnxNetwork(model, env.threads)
        example = _example(component, 1)
        with torch.inference_mode():
            wanted = component.network.eval()(example.to(env.device))
            fits = _shapes(exported(example)) == _shapes(wanted)
    except Exception as error:  # a bundle may hold anything
        raise SetupError(f"{path}: not a readable ONNX file, export again: {error}") from error
    if not fits:
        raise SetupError(f"{path}: of another network than {path.parent.name} has; export again")
    component.network = exported


def _example(component: Exportable, items: int) -> Tensor:
    return torch.zeros(items, *component.network_input)


def _shapes(outputs: Tensor | tuple[Tensor, ...]) -> list[torch.Size]:
    return [one.shape for one in ((outputs,) if isinstance(outputs, Tensor) else outputs)]


def _check_model(model: bytes) -> None:
    """Refuse what a network has no need of: other files, loops and branches, operators of others."""
    import onnx

    loaded = onnx.load_model_from_string(model)
    if loaded.functions:
        raise ValueError("functions of its own are not read")
    for tensor in _tensors(loaded.graph):
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError(f"{tensor.name} lies in another file, which is not read")
    for node in loaded.graph.node:
        if node.domain not in _DOMAINS:
            raise ValueError(f"operators of {node.domain} are not known")
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise ValueError(f"{node.op_type}: networks have neither loops nor branches")


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
