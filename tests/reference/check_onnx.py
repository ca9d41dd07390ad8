"""Checks ONNX files written by sparkwave: `check_onnx.py FILE...`; needs onnx, onnxruntime and torch.

Each file must pass the full check of the `onnx` package, and onnxruntime must find in it, within 1e-5 of the largest value
and for two sizes of what is variable, what PyTorch computes (`onnx_graph.py`). A variable axis is taken as 2 (batch) or a multiple of 32, or of
the number given by `--multiple`.

A file whose card notes the answers to the probe must also give these.

    sparkwave models export unet -o unet.onnx && python3 check_onnx.py unet.onnx
    cargo run -p sparkwave-io --example write_onnx -- /path/onnx && python3 check_onnx.py /path/onnx/*.onnx
"""
import argparse
import json

import numpy as np
import onnx
import onnxruntime
import torch

import onnx_graph
from scatter import scatter

TOLERANCE = 1e-5


def shape(port, size, multiple):
    lengths = []
    for d in port.type.tensor_type.shape.dim:
        variable = (2 if d.dim_param == "batch" else multiple) * size
        lengths.append(d.dim_value if d.HasField("dim_value") else variable)
    return lengths


def answers(session, extent):
    """What a network says of the probe (crates/sparkwave-nn/src/probe.rs)."""
    x = 1.5 * scatter(int(np.prod(extent)), 0).reshape(extent)
    corners = [[n // 4 + k * step % (n // 2) for n, step in zip(extent, (5, 7, 11))] for k in range(8)]
    for t, row, column in corners:
        x[t : t + 2, row : row + 3, column : column + 3] += 5
    y = session.run(None, {session.get_inputs()[0].name: x[None, None].astype(np.float32)})[0][0, 0]
    # Some networks answer for the cells of a grid.
    return np.array([y[tuple((i + 1) * n // whole for i, n, whole in zip(at, y.shape, extent))] for at in corners])


def check(path, multiple, extent):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probe = json.loads({p.key: p.value for p in model.metadata_props}.get("card", "{}")).get("probe")
    if probe:
        dims = model.graph.input[0].type.tensor_type.shape.dim[2:]
        found = answers(session, [d.dim_value or n for d, n in zip(dims, extent)])
        difference = np.abs(found - probe).max()
        assert difference < 1e-4, f"{path}: answers {found} to the probe, not {probe}"
        print(f"{path}: answers to the probe as its card says, to {difference:.2g}")
    worst = 0.0
    for size in (1, 2):
        rng = np.random.default_rng(size)
        inputs = {p.name: rng.standard_normal(shape(p, size, multiple)).astype(np.float32) for p in model.graph.input}
        found = session.run(None, inputs)
        with torch.no_grad():
            expected = onnx_graph.evaluate(model, inputs)
            if model.graph.name == "small":
                by_hand = onnx_graph.small(torch.from_numpy(inputs["x"].astype(np.float64))).numpy()
                np.testing.assert_allclose(expected[0], by_hand, rtol=0, atol=1e-12)
        for f, e in zip(found, expected, strict=True):
            assert f.shape == e.shape, (f.shape, e.shape)
            assert np.isfinite(e).all() and (np.std(e) > 1e-3 or probe), "an output that says something"
            # Where a trained network sees nothing, all of its answers are tiny.
            worst = max(worst, np.abs(f - e).max() / max(np.abs(e).max(), 0.1))
    assert worst < TOLERANCE, f"{path}: {worst}"
    opset, props = model.opset_import[0].version, [p.key for p in model.metadata_props]
    print(f"{path}: {len(model.graph.node)} nodes, operator set {opset}, texts {props}, largest difference {worst:.2g} of the largest value")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--multiple", type=int, default=32, help="what the lengths of variable axes must be a multiple of")
    parser.add_argument("--extent", type=int, nargs=3, default=[32, 32, 32], help="of the probe; 32 64 64 for an Attention U-Net")
    args = parser.parse_args()
    for file in args.files:
        check(file, args.multiple, args.extent)
