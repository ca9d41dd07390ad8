#!/usr/bin/env python3
"""Write golden/sam2.json: what the parts of SAM 2 give, computed by the package `sam2` 1.1.0 in single precision.

`python3 sam2_goldens.py` writes it, `--check` compares within 1e-5 of the largest value and exits with 1 on a difference.
Needs `pip install sam2==1.1.0` (with SAM2_BUILD_CUDA=0) beside PyTorch.

No weights are stored: arrays and inputs follow the formula of `networks.py`. Images are smaller than the usual 1024
pixels, which the networks allow in steps of 32. Of every result a sum, a sum of squares and some 200 values are kept.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from sam2.build_sam import build_sam2, build_sam2_video_predictor
from scipy import ndimage

from networks import fill
from scatter import scatter

PATH = Path(__file__).resolve().parent / "golden" / "sam2.json"
CHECKPOINTS = {
    f"sam{version}_{size}": f"configs/sam{version}/sam{version}_hiera_{letter}.yaml"
    for version in ("2", "2.1")
    for size, letter in (("tiny", "t"), ("small", "s"), ("base_plus", "b+"), ("large", "l"))
}
N_SAMPLES = 200


def build(name, image_px):
    overrides = [f"++model.image_size={image_px}", "++model.binarize_mask_from_pts_for_mem_enc=true"]
    model = build_sam2(CHECKPOINTS[name], device="cpu", hydra_overrides_extra=overrides)
    fill(model)
    return model


def tensor(shape, j):
    return torch.from_numpy(scatter(int(np.prod(shape)), j).astype(np.float32)).reshape(shape)


def digest(x):
    v = x.detach().double().flatten().numpy()
    step = v.size // N_SAMPLES + 1
    values = [float(f"{value:.8g}") for value in v[::step]]
    return {"shape": list(x.shape), "sum": v.sum(), "squares": (v * v).sum(), "step": step, "values": values}


def digests(named):
    return {name: digest(x) for name, x in named.items()}


def fingerprint(model):
    """FNV-1a of one line `name shape` an array, in alphabetical order."""
    h = 0xCBF29CE484222325
    for name, array in sorted(model.state_dict().items()):
        line = f"{name} {'x'.join(map(str, array.shape))}\n"
        for byte in line.encode():
            h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def encoder(model, image_px):
    image = tensor([1, 3, image_px, image_px], 0)
    stages = model.image_encoder.trunk(image)
    features, positions = model.image_encoder.neck(stages)
    ready = model.forward_image(image)["backbone_fpn"]
    named = {f"stage{i}": x for i, x in enumerate(stages)}
    named |= {f"level{i}": x for i, x in enumerate(features[:3])}
    named |= {f"position{i}": x for i, x in enumerate(positions[:3])}
    named |= {f"ready{i}": x for i, x in enumerate(ready)}
    return digests(named)


# Corners and middles of pixels, clicks of both kinds, and the two corners of a box.
CLICKS = [[[30.0, 41.5], [200.0, 17.0], [128.0, 250.25]]], [[1, 0, 1]]
BOX = [[[20.0, 31.0], [180.5, 220.0]]], [[2, 3]]


def prompt(points):
    return torch.tensor(points[0]), torch.tensor(points[1], dtype=torch.int32)


def prompts(model):
    encode = model.sam_prompt_encoder
    side = encode.mask_input_size[0]
    clicks, none = encode(points=prompt(CLICKS), boxes=None, masks=None)
    box, _ = encode(points=prompt(BOX), boxes=None, masks=None)
    _, mask = encode(points=None, boxes=None, masks=4 * tensor([1, 1, side, side], 5))
    named = {"clicks": clicks, "box": box, "no_mask": none, "mask": mask, "dense": encode.get_dense_pe()}
    return digests(named)


def features(model, n):
    side = model.sam_image_embedding_size
    high = [tensor([n, 32, 4 * side, 4 * side], 7), tensor([n, 64, 2 * side, 2 * side], 8)]
    return tensor([n, 256, side, side], 6), high


def set_presence(model, logit):
    """Makes the decoder surer that there is, or is not, an object."""
    model.sam_mask_decoder.pred_obj_score_head.layers[2].bias.fill_(logit)


def decoder(model):
    image, high = features(model, 1)
    sparse, dense = model.sam_prompt_encoder(points=prompt(CLICKS), boxes=None, masks=None)
    pe = model.sam_prompt_encoder.get_dense_pe()
    decode = model.sam_mask_decoder
    masks, quality, tokens, presence = decode.predict_masks(image, pe, sparse, dense, False, high)
    named = {"masks": masks, "quality": quality, "tokens": tokens, "presence": presence}
    named["steadiness"] = decode._get_stability_scores(masks)
    for name, threshold in (("steady", 0.0), ("unsteady", 1.5)):
        kept = decode.dynamic_multimask_stability_thresh
        decode.dynamic_multimask_stability_thresh = threshold
        named[f"{name}_mask"], named[f"{name}_quality"], *_ = decode(image, pe, sparse, dense, False, False, high)
        decode.dynamic_multimask_stability_thresh = kept
    return digests(named)


def disks(side, n):
    """Binary masks [n, 1, side, side]: disks of different places and sizes, the last one empty."""
    y, x = np.mgrid[:side, :side]
    masks = [(y - 0.4 * side) ** 2 + (x - (0.3 + 0.2 * i) * side) ** 2 < (side * (0.2 - 0.05 * i)) ** 2 for i in range(n)]
    masks[-1] = np.zeros((side, side), bool)
    return torch.from_numpy(np.stack(masks)[:, None].astype(np.float32))


NAMES = "low_all", "high_all", "quality", "low", "high", "pointer", "presence"


def heads(model):
    image, high = features(model, 1)
    points, labels = prompt(CLICKS)
    one = {"point_coords": points[:, :1], "point_labels": labels[:, :1]}
    named = {}
    for name, logit in (("present", 5.0), ("absent", -5.0)):
        set_presence(model, logit)
        out = model._forward_sam_heads(image, one, None, high, multimask_output=True)
        named |= {f"{name}_{key}": x for key, x in zip(NAMES, out)}
    set_presence(model, 5.0)
    out = model._forward_sam_heads(image, None, 4 * tensor([1, 1, 100, 100], 5), high, multimask_output=False)
    named |= {f"mask_prompt_{key}": x for key, x in zip(NAMES, out) if not key.endswith("all")}
    image, high = features(model, 2)
    out = model._use_mask_as_output(image, high, disks(model.image_size, 2))
    named |= {f"given_{key}": x for key, x in zip(NAMES, out) if key in ("low", "pointer", "presence")}
    return digests(named)


def memories(model):
    side, n = model.sam_image_embedding_size, 2
    seen = [tensor([side * side, n, 256], 9)]
    logits = 6 * tensor([n, 1, model.image_size, model.image_size], 10)
    presence = torch.tensor([[3.0], [-3.0]])
    soft, [position] = model._encode_new_memory(seen, [(side, side)], logits, presence, is_mask_from_pts=False)
    hard, _ = model._encode_new_memory(seen, [(side, side)], logits, presence, is_mask_from_pts=True)
    return digests({"soft": soft, "hard": hard, "position": position})


def attention(model):
    side, n = model.sam_image_embedding_size, 2
    tokens = side * side
    here, place = tensor([tokens, n, 256], 11), tensor([tokens, n, 256], 12)
    memory, of_memory = tensor([2 * tokens + 12, n, 64], 13), tensor([2 * tokens + 12, n, 64], 14)
    named = {"attended": model.memory_attention([here], memory, [place], of_memory, num_obj_ptr_tokens=12)}

    of_place = model.memory_encoder.position_encoding(torch.zeros(n, 64, side, side))

    def frame(j):
        return {
            "maskmem_features": tensor([n, 64, side, side], j),
            "maskmem_pos_enc": [of_place],
            "obj_ptr": tensor([n, 256], j + 2),
        }

    bank = {
        "cond_frame_outputs": {0: frame(20), 12: frame(23)},
        "non_cond_frame_outputs": {t: frame(26 + 3 * t) for t in (3, 6, 8, 9)},
    }
    for name, frame_idx, reverse in (("forwards", 10, False), ("backwards", 5, True)):
        named[name] = model._prepare_memory_conditioned_features(
            frame_idx, False, [here], [place], [(side, side)], bank, num_frames=20, track_in_reverse=reverse
        )
    named["first"] = model._prepare_memory_conditioned_features(
        0, True, [here], [place], [(side, side)], bank, num_frames=20
    )
    return digests(named)


def holes(masks):
    """What the package computes on graphics cards only: components that touch at corners, too, and their areas."""
    labels, areas = np.zeros(masks.shape, int), np.zeros(masks.shape, int)
    for i in np.ndindex(masks.shape[:2]):
        labels[i], _ = ndimage.label(masks[i].numpy(), np.ones((3, 3)))
        areas[i] = np.bincount(labels[i].ravel())[labels[i]]
    return torch.from_numpy(labels), torch.from_numpy(areas)


# Frames of the clip, and their size.
N_FRAMES, HEIGHT, WIDTH = 12, 96, 160


def clip():
    """Three objects in a clip: two clicks, a mask, a box; forwards, backwards, a correction, forwards again."""
    image_px = 128
    overrides = [f"++model.image_size={image_px}"]
    model = build_sam2_video_predictor(CHECKPOINTS["sam2.1_tiny"], device="cpu", hydra_overrides_extra=overrides)
    fill(model)
    set_presence(model, 1.0)
    frames = [tensor([1, 3, HEIGHT, WIDTH], 40 + t) / 2 + 0.5 for t in range(N_FRAMES)]
    images = torch.nn.functional.interpolate(torch.cat(frames), (image_px, image_px), mode="bilinear", antialias=True)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (images - mean[:, None, None]) / deviation[:, None, None]
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", lambda **_: (images, HEIGHT, WIDTH)):
        state = model.init_state("")
    found = {}

    def keep(name, masks):
        step = masks[0].numel() // 40 + 1
        named = {}
        for obj, mask in zip(state["obj_ids"], masks):
            v = mask.double().flatten().numpy()
            values = [float(f"{value:.7g}") for value in v[::step]]
            named[str(obj)] = {"squares": (v * v).sum(), "sum": v.sum(), "step": step, "values": values}
        found[name] = named

    def follow(name, **arguments):
        for t, _, masks in model.propagate_in_video(state, **arguments):
            keep(f"{name}_{t}", masks)

    def point(name, obj, t, points, labels, **arguments):
        keep(name, model.add_new_points_or_box(state, t, obj, points, labels, **arguments)[2])

    point("click", 1, 2, [[40.0, 30.0]], [1])
    point("second_click", 1, 2, [[120.0, 70.0]], [0], clear_old_points=False)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    keep("mask", model.add_new_mask(state, 4, 2, (y - 50) ** 2 + (x - 90) ** 2 < 30**2)[2])
    point("box", 3, 0, [[50.0, 50.0]], [1], box=[20.0, 10.0, 100.0, 80.0])
    follow("forwards")
    follow("backwards", start_frame_idx=6, reverse=True)
    point("correction", 1, 8, [[60.0, 60.0]], [1])
    follow("again", start_frame_idx=8)
    return found


def case(name):
    image_px = 256 if name.endswith("tiny") else 128
    model = build(name, image_px)
    body = {
        "image_px": image_px,
        "n_values": sum(x.numel() for x in model.state_dict().values()),
        "arrays": fingerprint(model),
    }
    # The encoders of both versions are the same.
    if name == "sam2_tiny":
        body |= {"memories": memories(model), "attention": attention(model)}
    elif name.startswith("sam2.1"):
        body["encoder"] = encoder(model, image_px)
    if name == "sam2.1_tiny":
        parts = (prompts, decoder, heads, memories, attention)
        body |= {part.__name__: part(model) for part in parts}
    return body


def same(old, new, path=""):
    if isinstance(old, dict) and "values" in old:
        a, b = np.array(old["values"]), np.array(new["values"])
        close = a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-5 * max(1, np.abs(a).max()))
        if not close:
            print("different:", path)
        return close
    if isinstance(old, dict):
        return old.keys() == new.keys() and all([same(old[k], new[k], f"{path}/{k}") for k in old])
    return old == new


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    version = torch.__version__.split("+")[0]
    body = {"provenance": {"program": "tests/reference/sam2_goldens.py", "sam2": "1.1.0", "torch": version}}
    body |= {name: case(name) for name in CHECKPOINTS}
    # Memories are kept in half precision there, and in single precision here.
    with mock.patch("torch.bfloat16", torch.float32), mock.patch("sam2.utils.misc.get_connected_components", holes):
        body["clip"] = clip()
    if "--check" in sys.argv[1:]:
        old = json.loads(PATH.read_text())
        del old["provenance"], body["provenance"]
        found = same(old, body)
        print("same" if found else "DIFFERENT")
        sys.exit(0 if found else 1)
    text = json.dumps(body, separators=(",", ":")).replace('},"', '},\n"') + "\n"
    PATH.write_text(text)
    print(PATH, len(text))


if __name__ == "__main__":
    main()
