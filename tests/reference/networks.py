#!/usr/bin/env python3
"""Write golden/networks.json: outputs and gradients of the networks, computed by PyTorch and MONAI.

`python3 networks.py` writes it, `python3 networks.py --check` compares within 1e-6 and exits with 1 on a difference.

Nothing large is stored: weights and inputs follow a formula that both sides evaluate. Value i of the array whose name is
the j-th in alphabetical order is `amplitude * scatter(i, j)`, where `scatter` mixes the bits of i and j to a number from
-1 to 1, rounded to single precision, with an amplitude of sqrt(3 / values a row) for arrays of two axes and more (a row is
everything but the first axis), 0.1 for those of one axis, plus 1 for the scale of a normalisation, and
0.5 * |...| + 0.5 for its variance.
Of outputs and gradients a sum, a sum of squares and every 97th value are kept.
"""

import json
import sys
from pathlib import Path

import monai
import numpy as np
import torch
from monai.networks.nets import UNETR, AttentionUnet
from torch import nn
from torch.nn import functional as F

from scatter import scatter

PATH = Path(__file__).resolve().parent / "golden" / "networks.json"


class Stage(nn.Module):
    def __init__(self, n_in, n_out, slope):
        super().__init__()
        act = nn.LeakyReLU(slope) if slope else nn.ReLU()
        self.convs = nn.ModuleList(
            [
                nn.Conv3d(n_in, n_out, 3, padding=1),
                nn.BatchNorm3d(n_out),
                act,
                nn.Conv3d(n_out, n_out, 3, padding=1),
                nn.BatchNorm3d(n_out),
                act,
            ]
        )

    def run(self, x):
        for layer in self.convs:
            x = layer(x)
        return x


class Up(Stage):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out, 0)
        self.upconv = nn.ConvTranspose3d(n_in, n_out, 3, stride=2, padding=1, output_padding=1)

    def forward(self, skip, x):
        return self.run(torch.cat([skip, self.upconv(x)], 1))


class Bottleneck(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.dilated_conv = nn.ModuleList([nn.Conv3d(n_in, n_out, 3, padding=1)])
        self.conv2 = nn.Conv3d(n_out, n_out, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.dilated_conv[0](x))))


class PublishedUNet(nn.Module):
    """The network of the paper (reference 3.1): five levels, eight filters, names as in its checkpoints."""

    def __init__(self, depth=5, width=8):
        super().__init__()
        c = [width << i for i in range(depth + 1)]
        self.down_convs = nn.ModuleList([Stage(1 if i == 0 else c[i - 1], c[i], 0.2) for i in range(depth)])
        self.bottleneck = Bottleneck(c[depth - 1], c[depth])
        self.up_convs = nn.ModuleList([Up(c[i + 1], c[i]) for i in reversed(range(depth))])
        self.final_conv = nn.Conv3d(c[0], 1, 1)

    def forward(self, x):
        skips = []
        for stage in self.down_convs:
            x = stage.run(x)
            skips.append(x)
            x = F.max_pool3d(x, 2)
        x = self.bottleneck(x)
        for up in self.up_convs:
            x = up(skips.pop(), x)
        return torch.sigmoid(self.final_conv(x))


class StarDist3d(nn.Module):
    """The network of StarDist-3D with the U-Net of CSBDeep, from their description; layers are called as in Keras.

    What is trained here is the object probability; the distances are kept in `self.distances`."""

    def __init__(self, width=32, features=128, rays=96, depth=2, convs=2, pools=((1, 2, 2),)):
        super().__init__()
        self.depth, self.convs, self.pools = depth, convs, pools

        def conv(name, n_in, n_out, kernel=3):
            self.add_module(name, nn.Conv3d(n_in, n_out, kernel, padding=kernel // 2))
            return n_out

        n = 1
        for i in range(len(pools) * convs):
            n = conv("conv3d" if i == 0 else f"conv3d_{i}", n, width)
        for level in range(depth):
            for i in range(convs):
                n = conv(f"down_level_{level}_no_{i}", n, width << level)
        for i in range(convs - 1):
            n = conv(f"middle_{i}", n, width << depth)
        n = conv(f"middle_{convs}", n, width << max(0, depth - 1))
        for level in reversed(range(depth)):
            n += width << level
            for i in range(convs - 1):
                n = conv(f"up_level_{level}_no_{i}", n, width << level)
            n = conv(f"up_level_{level}_no_{convs}", n, width << max(0, level - 1))
        n = conv("features", n, features)
        conv("prob", n, 1, 1)
        conv("dist", n, rays, 1)

    def forward(self, x):
        def run(name, x):
            return F.relu(getattr(self, name)(x))

        for i in range(len(self.pools) * self.convs):
            x = run("conv3d" if i == 0 else f"conv3d_{i}", x)
            if i % self.convs == self.convs - 1:
                x = F.max_pool3d(x, self.pools[i // self.convs])
        skips = []
        for level in range(self.depth):
            for i in range(self.convs):
                x = run(f"down_level_{level}_no_{i}", x)
            skips.append(x)
            x = F.max_pool3d(x, 2)
        for i in [*range(self.convs - 1), self.convs]:
            x = run(f"middle_{i}", x)
        for level in reversed(range(self.depth)):
            x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), skips.pop()], 1)
            for i in [*range(self.convs - 1), self.convs]:
                x = run(f"up_level_{level}_no_{i}", x)
        x = run("features", x)
        self.distances = self.dist(x)
        return torch.sigmoid(self.prob(x))


class UNet2d(nn.Module):
    """U-Net for frames, which are volumes of depth 1; names as in the most used implementation of it."""

    def __init__(self, width=64, depth=4):
        super().__init__()
        self.depth = depth
        c = [width << i for i in range(depth + 1)]
        self.inc = DoubleConv(1, c[0])
        for i in range(depth):
            pooled = nn.MaxPool3d((1, 2, 2))
            down = nn.ModuleDict({"maxpool_conv": nn.Sequential(pooled, DoubleConv(c[i], c[i + 1]))})
            self.add_module(f"down{i + 1}", down)
            level = depth - 1 - i
            up = nn.ConvTranspose3d(c[level + 1], c[level], (1, 2, 2), stride=(1, 2, 2))
            self.add_module(f"up{i + 1}", nn.ModuleDict({"up": up, "conv": DoubleConv(2 * c[level], c[level])}))
        self.outc = nn.ModuleDict({"conv": nn.Conv3d(c[0], 1, 1)})

    def forward(self, x):
        x = self.inc(x)
        skips = []
        for i in range(self.depth):
            skips.append(x)
            x = getattr(self, f"down{i + 1}")["maxpool_conv"](x)
        for i in range(self.depth):
            up = getattr(self, f"up{i + 1}")
            x = up["conv"](torch.cat([skips.pop(), up["up"](x)], 1))
        return torch.sigmoid(self.outc["conv"](x))


class DoubleConv(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        layers = []
        for n in (n_in, n_out):
            layers += [nn.Conv3d(n, n_out, (1, 3, 3), padding=(0, 1, 1)), nn.BatchNorm3d(n_out), nn.ReLU()]
        self.double_conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)


class Probability(nn.Module):
    """A network of the library MONAI, whose outputs are logits; names as in its checkpoints."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return torch.sigmoid(self.network(x))


def fill(model):
    arrays = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    for j, name in enumerate(sorted(arrays)):
        array = arrays[name]
        values = scatter(array.numel(), j)
        if array.ndim >= 2:
            values = values * np.sqrt(3.0 / (array.numel() / array.shape[0]))
        elif name.endswith("running_var"):
            values = 0.5 * np.abs(values) + 0.5
        else:
            values = 0.1 * values
            if array.ndim == 1 and name.endswith("weight"):
                values = values + 1.0
        array.copy_(torch.from_numpy(values.astype(np.float32)).reshape(array.shape))
    return len(arrays)


def digest(tensor):
    v = tensor.detach().double().flatten().numpy()
    return {"shape": list(tensor.shape), "sum": v.sum(), "squares": (v * v).sum(), "every_97th": v[::97].tolist()}


def case(model, shape):
    """In double precision, so that what is compared is our error and not the sum of two."""
    n = int(np.prod(shape))
    with torch.no_grad():
        fill(model)
    model = model.double()
    x = torch.from_numpy(scatter(n, 0).astype(np.float32)).reshape(shape).double()
    model.eval()
    y = model(x)
    inference = digest(y)
    target = torch.from_numpy((scatter(y.numel(), 3) > 0.8).astype(np.float64)).reshape(y.shape)
    model.train()
    y = model(x)
    loss = F.mse_loss(y, target)
    loss.backward()
    named = sorted((k.removeprefix("network."), p) for k, p in model.named_parameters())
    gradients = {k: digest(p.grad) for k, p in named if p.grad is not None}
    for g in gradients.values():
        del g["every_97th"]
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    optimizer.step()
    model.eval()
    return {
        "shape": shape,
        "n_parameters": n_parameters(model),
        "inference": inference,
        "training": digest(y),
        "loss": loss.item(),
        "gradients": gradients,
        "after_one_step_of_adam": digest(model(x)),
    }


def stardist3d():
    shape = [2, 1, 8, 16, 24]
    result = case(StarDist3d(width=4, features=8, rays=12), shape)
    model = StarDist3d(width=4, features=8, rays=12)
    with torch.no_grad():
        fill(model)
        model = model.double()
        model(torch.from_numpy(scatter(int(np.prod(shape)), 0).astype(np.float32)).reshape(shape).double())
    return {**result, "distances": digest(model.distances)}


def n_parameters(model):
    return sum(p.numel() for p in model.parameters())


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    attention = AttentionUnet(3, 1, 1, (4, 8, 16), (2, 2))
    unetr = UNETR(1, 1, (32, 16, 48), feature_size=4, hidden_size=48, mlp_dim=96, num_heads=4)
    body = {
        "provenance": {
            "program": "tests/reference/networks.py",
            "torch": torch.__version__.split("+")[0],
            "monai": monai.__version__,
        },
        "published_unet": case(PublishedUNet(), [2, 1, 32, 32, 32]),
        "attention_unet": case(Probability(attention), [2, 1, 16, 24, 8]),
        "unetr": case(Probability(unetr), [2, 1, 32, 16, 48]),
        "stardist3d": stardist3d(),
        "unet2d": case(UNet2d(width=4, depth=2), [2, 1, 1, 24, 40]),
        "n_parameters": {
            "attention_unet": n_parameters(AttentionUnet(3, 1, 1, (16, 32, 64, 128, 256), (2, 2, 2, 2))),
            "unetr": n_parameters(UNETR(1, 1, (32, 32, 32))),
            "stardist3d": n_parameters(StarDist3d()),
            "unet2d": n_parameters(UNet2d()),
        },
    }
    text = json.dumps(body, indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        old = json.loads(PATH.read_text())
        cases = ("published_unet", "attention_unet", "unetr", "stardist3d", "unet2d")
        same = all(np.isclose(old[c]["loss"], body[c]["loss"], rtol=1e-6) for c in cases)
        print("same" if same else "DIFFERENT")
        sys.exit(0 if same else 1)
    PATH.write_text(text)
    print(PATH, len(text), body["published_unet"]["n_parameters"], body["published_unet"]["loss"])


if __name__ == "__main__":
    main()
