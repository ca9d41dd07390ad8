"""Writes weights as Keras writes them in HDF5, for `crates/sparkwave-io/tests/golden`: `keras_weights.py [FOLDER]`.

Keras itself is not needed: `save_weights` below makes the same calls of h5py, in the same order, as
`save_weights_to_hdf5_group` of Keras (2.x `saving/hdf5_format.py`, 3.x `legacy/saving/legacy_h5_format.py`). The networks
have the layers and names of StarDist-3D (`unet_block` of CSBDeep), narrower.

| File | What is in it |
|---|---|
| `keras2.h5` | `save_weights` of Keras 2: names end in `:0`, scopes have numbers that layers lack; normalised, half precision in one array |
| `keras3.h5` | `save` of Keras 3: below `model_weights` beside an optimizer, names in variable-length text and in two parts; a transposed convolution, a nested model, a state of a generator; deflated |

Value i of array k of a file is k + i / 1024.
"""
import json
import sys
from pathlib import Path

import h5py
import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "crates" / "sparkwave-io" / "tests" / "golden"


class Arrays:
    def __init__(self):
        self.count = 0

    def __call__(self, *shape, dtype="f4"):
        values = self.count + np.arange(int(np.prod(shape))) / 1024
        self.count += 1
        return values.reshape(shape).astype(dtype)


def save_attributes(group, name, data, parts=1, variable_length=False):
    """Keras takes more parts where the names need more than 64 kB. Lists of names became texts of one length by h5py 2,
    texts of variable length by h5py 3."""
    if variable_length:
        data = np.array([text.decode() for text in data], dtype=h5py.string_dtype())
    if parts == 1:
        group.attrs[name] = np.asarray(data)
    else:
        for i, part in enumerate(np.array_split(np.asarray(data), parts)):
            group.attrs[f"{name}{i}"] = part


def save_weights(group, layers, version, backend, **how):
    """`layers`: name and weights (name and array) of each, in the order of the model."""
    dataset = how.pop("dataset", {})
    save_attributes(group, "layer_names", [name.encode() for name, _ in layers], **how)
    group.attrs["backend"] = backend.encode()
    group.attrs["keras_version"] = version.encode()
    for name, weights in sorted(layers, key=lambda layer: layer[0]):
        g = group.create_group(name)
        save_attributes(g, "weight_names", [weight.encode() for weight, _ in weights], **how)
        for weight, value in weights:
            d = g.create_dataset(weight, value.shape, dtype=value.dtype, **(dataset if value.ndim > 1 else {}))
            d[() if value.ndim == 0 else slice(None)] = value


def conv(arrays, scope, kernel, dtype="f4"):
    return [(f"{scope}/kernel:0", arrays(*kernel, dtype=dtype)), (f"{scope}/bias:0", arrays(kernel[-1]))]


def keras2(path):
    a = Arrays()
    moments = ["gamma", "beta", "moving_mean", "moving_variance"]
    layers = [
        ("input", []),
        ("down_level_0_no_0", conv(a, "down_level_0_no_0_1", (3, 3, 3, 1, 2))),
        ("batch_normalization", [(f"batch_normalization_7/{m}:0", a(2)) for m in moments]),
        ("max_0", []),
        ("middle_0", conv(a, "middle_0_1", (3, 3, 3, 2, 4), "f2")),
        ("up_sampling3d_1", []),
        ("concatenate_1", []),
        ("features", conv(a, "features_1", (3, 1, 2, 6, 3))),
        ("prob", conv(a, "prob_1", (1, 1, 1, 3, 1))),
        ("dist", conv(a, "dist_1", (1, 1, 1, 3, 8), "f8")),
    ]
    with h5py.File(path, "w") as file:
        save_weights(file, layers, "2.2.4", "tensorflow")


def keras3(path):
    a = Arrays()

    def plain(weights):
        return [(name.removesuffix(":0"), value) for name, value in weights]

    layers = [
        ("input", []),
        ("block/conv", plain(conv(a, "block/conv", (3, 3, 3, 1, 2)))),
        ("up", plain(conv(a, "up", (2, 2, 2, 3, 2)))[:1] + [("up/bias", a(3))]),
        ("nested", plain(conv(a, "nested/first", (1, 1, 1, 3, 2)) + conv(a, "nested/second", (1, 1, 1, 2, 2)))),
        ("dropout", [("dropout/seed_generator/seed_generator_state", np.array([1, 2], "u4"))]),
        ("scale", [("scale/factor", a())]),
    ]
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["keras_version"] = "3.3.3"
        file.attrs["model_config"] = json.dumps({"class_name": "Functional"}).encode()
        how = {"parts": 2, "variable_length": True, "dataset": {"compression": "gzip", "shuffle": True}}
        group = file.create_group("model_weights")
        save_weights(group, layers, "3.3.3", "jax", **how)
        top = group.create_group("top_level_model_weights")
        save_attributes(top, "weight_names", [])
        optimizer = file.create_group("optimizer_weights")
        save_attributes(optimizer, "weight_names", [b"adam/iterations"])
        optimizer.create_dataset("adam/iterations", data=np.int64(7))


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    keras2(folder / "keras2.h5")
    keras3(folder / "keras3.h5")
