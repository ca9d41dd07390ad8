"""What ONNX files written by `sparkwave-io` should compute, by PyTorch in double precision.

`small` is the first network of `crates/sparkwave-io/examples/write_onnx/graphs.rs`, written again from layers, with its
arrays made again by rule: it knows nothing of the file. `evaluate` runs the nodes of any file that uses the operators of
`sparkwave_core::graph`, one by one, as the ONNX operator reference describes them.
"""
import numpy as np
import torch
import torch.nn.functional as F


def values(seed, shape, scale=1.0, shift=0.0):
    """The rule of `graphs.rs`, in its single precision."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    single = (((7919 * i + 104729 * seed) % 1009) / 504.5 - 1).astype(np.float32)
    single = np.float32(scale) * single + np.float32(shift)
    return torch.from_numpy(single.astype(np.float64)).reshape(shape)


def single(number):
    """A number as a file keeps it."""
    return float(np.float32(number))


def small(x):
    """[batch, 1, t, y, x] to probabilities [batch, 2, t, y, x]."""
    conv = F.conv3d(x, values(0, (4, 1, 3, 3, 3), 0.5), values(1, (4,), 0.5), padding=1)
    scale, shift, mean, var = values(2, (4,), 0.5, 1), values(3, (4,), 0.5), values(4, (4,), 0.5), values(5, (4,), 0.5, 1)
    skip = F.leaky_relu(F.batch_norm(conv, mean, var, scale, shift, eps=single(1e-5)), single(0.2))
    pooled = F.max_pool3d(skip, (1, 2, 2))
    up = F.conv_transpose3d(pooled, values(6, (4, 3, 3, 3, 3), 0.5), values(7, (3,), 0.5), (1, 2, 2), 1, (0, 1, 1))
    joined = torch.cat([skip, up], 1)
    return torch.sigmoid(F.conv3d(joined, values(8, (2, 7, 1, 1, 1), 0.5), values(9, (2,), 0.5)))


def both_ends(pads):
    """Padding before and behind, in the order of `F.pad`: the last axis first."""
    half = len(pads) // 2
    return [end for axis in reversed(range(half)) for end in (pads[axis], pads[half + axis])]


def conv(a, x, weight, bias=None):
    run = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.dim()]
    return run(F.pad(x, both_ends(a["pads"])), weight, bias, a["strides"], 0, a["dilations"], a["group"])


def conv_transpose(a, x, weight, bias=None):
    """What is padding of a convolution is cut off the result of its transpose."""
    run = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[x.dim()]
    whole = run(x, weight, bias, a["strides"], 0, a["output_padding"], a["group"])
    return F.pad(whole, [-n for n in both_ends(a["pads"])])


def resize(a, x, _, scales):
    size = [round(n * float(s)) for n, s in zip(x.shape, scales)][2:]
    if a["mode"] == b"nearest":
        assert a["coordinate_transformation_mode"] == b"asymmetric" and a["nearest_mode"] == b"floor"
        return F.interpolate(x, size)
    assert a["coordinate_transformation_mode"] == b"half_pixel"
    return F.interpolate(x, size, mode={3: "linear", 4: "bilinear", 5: "trilinear"}[x.dim()], align_corners=False)


def reshape(a, x, shape):
    lengths = [int(n) for n in shape]
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(lengths)])


POOLS = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}

OPERATORS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "BatchNormalization": lambda a, x, scale, shift, mean, var: F.batch_norm(x, mean, var, scale, shift, eps=a["epsilon"]),
    "InstanceNormalization": lambda a, x, scale, shift: F.instance_norm(x, weight=scale, bias=shift, eps=a["epsilon"]),
    "LayerNormalization": lambda a, x, scale, shift=None: F.layer_norm(x, x.shape[a["axis"] :], scale, shift, a["epsilon"]),
    "Relu": lambda a, x: F.relu(x),
    "LeakyRelu": lambda a, x: F.leaky_relu(x, a["alpha"]),
    "PRelu": lambda a, x, slope: torch.where(x < 0, x * slope, x),
    "Gelu": lambda a, x: F.gelu(x),
    "Sigmoid": lambda a, x: torch.sigmoid(x),
    "Softmax": lambda a, x: torch.softmax(x, a["axis"]),
    "MaxPool": lambda a, x: POOLS[x.dim()](x, a["kernel_shape"], a["strides"]),
    "Resize": resize,
    "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "Split": lambda a, x, sizes: torch.split(x, [int(n) for n in sizes], a["axis"]),
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x / y,
    "MatMul": lambda a, x, y: x @ y,
    "Reshape": reshape,
    "Transpose": lambda a, x: x.permute(a["perm"]),
}


def evaluate(model, inputs):
    """The outputs of an `onnx.ModelProto` for arrays by name, all in double precision."""
    import onnx

    def double(array):
        return torch.from_numpy(np.array(array, dtype=np.float64))

    known = {t.name: double(onnx.numpy_helper.to_array(t)) for t in model.graph.initializer}
    known.update({name: double(array) for name, array in inputs.items()})
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        made = OPERATORS[node.op_type](attributes, *(known[name] if name else None for name in node.input))
        known.update(zip(node.output, made if isinstance(made, tuple) else [made]))
    return [known[port.name].numpy() for port in model.graph.output]
