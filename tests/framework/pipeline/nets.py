"""ONNX files made by hand, good and bad."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(nodes, outputs=1, initializers=(), opsets=(("", 17),), items=("batch", 3)) -> bytes:
    """A model whose input is ``x`` and whose outputs are ``y0``, ``y1`` ..."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [value("x", TensorProto.FLOAT, items)],
        [value(f"y{i}", TensorProto.FLOAT, None) for i in range(outputs)],
        list(initializers),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in opsets])
    made.ir_version = 8
    return made.SerializeToString()


def scaled(factor: float = 2.0) -> bytes:
    """Multiplies its input."""
    weight = numpy_helper.from_array(np.array(factor, np.float32), "w")
    return model([helper.make_node("Mul", ["x", "w"], ["y0"])], initializers=[weight])


def elsewhere(location: str) -> bytes:
    """Has weights in another file."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return model([helper.make_node("Mul", ["x", "w"], ["y0"])], initializers=[weight])


def constant_elsewhere(location: str) -> bytes:
    """The same in an attribute of a node."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value=location)
    return model(
        [helper.make_node("Constant", [], ["w"], value=weight), helper.make_node("Mul", ["x", "w"], ["y0"])]
    )


def looping() -> bytes:
    """Loops for as good as ever."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["a"], ["b"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("a", TensorProto.FLOAT, None),
        ],
        [value("on", TensorProto.BOOL, []), value("b", TensorProto.FLOAT, None)],
    )
    often = numpy_helper.from_array(np.array(2**62, np.int64), "often")
    return model([helper.make_node("Loop", ["often", "", "x"], ["y0"], body=body)], initializers=[often])


def foreign() -> bytes:
    """An operator that the standard does not have."""
    node = helper.make_node("Anything", ["x"], ["y0"], domain="com.example")
    return model([node], opsets=(("", 17), ("com.example", 1)))


def with_function() -> bytes:
    """Hides what it does in a function."""
    function = helper.make_function(
        "own", "F", ["a"], ["b"], [helper.make_node("Identity", ["a"], ["b"])], [helper.make_opsetid("", 17)]
    )
    made = onnx.load_model_from_string(
        model([helper.make_node("F", ["x"], ["y0"], domain="own")], opsets=(("", 17), ("own", 1)))
    )
    made.functions.append(function)
    return made.SerializeToString()
