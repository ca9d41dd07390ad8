#!/usr/bin/env python3
"""Write golden/sam2_clips.json: what the predictors of the package `sam2` 1.1.0 say of a clip, for every checkpoint.

`python3 sam2_clips.py` writes it, `--check` compares and exits with 1 on a difference. Needs what `sam2_goldens.py` needs.

For each of the eight networks: the video predictor on twelve frames with two objects, told by points, a box and a mask, forwards,
corrected on a later frame, backwards and forwards again; and the image predictor on the first frame. The networks of 2 leave
holes and overlaps, those of 2.1 fill holes of up to 8 pixels and keep objects apart.

Of a mask are kept how many pixels are inside, those that others may put on either side (whose logit is within 1e-3 of 0, or of
that of the other object where objects are kept apart), a hash of the rest, and some logits.
"""

import json
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from sam2.build_sam import build_sam2, build_sam2_video_predictor
from sam2.sam2_image_predictor import SAM2ImagePredictor

from networks import fill
from sam2_goldens import CHECKPOINTS, holes, set_presence
from scatter import scatter

PATH = Path(__file__).resolve().parent / "golden" / "sam2_clips.json"
N_FRAMES, HEIGHT, WIDTH, IMAGE_PX = 12, 48, 80, 64
# How sure the decoder is that there is an object, so that it comes and goes.
PRESENCE = dict.fromkeys(CHECKPOINTS, 0.2) | {"sam2_base_plus": 1.0, "sam2_large": 1.0, "sam2.1_small": 1.0}
# Logits closer to 0 than this may fall on either side.
NEAR = 1e-3
N_SAMPLES = 6


def frame(t):
    """Bytes [y, x, 3]."""
    v = scatter(3 * HEIGHT * WIDTH, 40 + t).astype(np.float32) * np.float32(127.5) + np.float32(127.5)
    return np.floor(v).astype(np.uint8).reshape(3, HEIGHT, WIDTH).transpose(1, 2, 0)


def fnv(values):
    h = 0xCBF29CE484222325
    for value in values:
        h = (h ^ int(value)) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def digest(logits, ties=False):
    v = logits.double().numpy().ravel()
    near = np.flatnonzero((np.abs(v) < NEAR) | ties)
    inside = v > 0
    inside[near] = False
    step = v.size // N_SAMPLES + 1
    values = [float(f"{value:.6g}") for value in v[::step]]
    return {"inside": int(inside.sum()), "near": near.tolist(), "hash": fnv(inside), "step": step, "values": values}


def video(name):
    apart = "2.1" in name
    overrides = [f"++model.image_size={IMAGE_PX}", f"++model.non_overlap_masks={str(apart).lower()}"]
    model = build_sam2_video_predictor(CHECKPOINTS[name], device="cpu", hydra_overrides_extra=overrides)
    model.fill_hole_area = 8 if apart else 0
    fill(model)
    set_presence(model, PRESENCE[name])
    frames = torch.stack([torch.from_numpy(frame(t)).permute(2, 0, 1) / 255 for t in range(N_FRAMES)])
    images = torch.nn.functional.interpolate(frames, (IMAGE_PX, IMAGE_PX), mode="bilinear", antialias=True)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (images - mean[:, None, None]) / deviation[:, None, None]
    with mock.patch("sam2.sam2_video_predictor.load_video_frames", lambda **_: (images, HEIGHT, WIDTH)):
        state = model.init_state("")
    found, ties = {}, [False]
    constrain = model._apply_non_overlapping_constraints

    def note_ties(masks):
        if len(masks) > 1:
            first, second = masks.topk(2, dim=0).values
            ties[0] = ((first - second < NEAR) & (first > -NEAR)).numpy().ravel()
        return constrain(masks)

    model._apply_non_overlapping_constraints = note_ties

    def keep(step, masks):
        found[step] = {str(obj): digest(mask[0], ties[0]) for obj, mask in zip(state["obj_ids"], masks)}

    def point(step, obj, t, points, labels, **arguments):
        masks = model.add_new_points_or_box(state, t, obj, points, labels, **arguments)[2]
        if not apart:
            keep(step, masks)

    def follow(step, **arguments):
        for t, _, masks in model.propagate_in_video(state, **arguments):
            keep(f"{step}_{t}", masks)

    point("click", 1, 3, [[20.0, 15.0]], [1])
    point("second_click", 1, 3, [[60.0, 35.0]], [0], clear_old_points=False)
    point("box", 2, 0, [[25.0, 25.0]], [1], box=[10.0, 5.0, 50.0, 40.0])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    masks = model.add_new_mask(state, 9, 1, (y - 25) ** 2 + (x - 45) ** 2 < 15**2)[2]
    if not apart:
        keep("mask", masks)
    follow("forwards")
    point("correction", 2, 7, [[30.0, 30.0]], [0])
    follow("backwards", start_frame_idx=10, reverse=True)
    follow("again", start_frame_idx=7)
    return found


def image(name):
    predictor = SAM2ImagePredictor(
        build_sam2(CHECKPOINTS[name], device="cpu", hydra_overrides_extra=[f"++model.image_size={IMAGE_PX}"])
    )
    fill(predictor.model)
    predictor._bb_feat_sizes = [(IMAGE_PX // stride,) * 2 for stride in (4, 8, 16)]
    predictor.set_image(frame(0))
    found = {}

    def ask(key, several, **prompt):
        masks, quality, coarse = predictor.predict(multimask_output=several, return_logits=True, **prompt)
        masks, coarse = torch.from_numpy(masks), torch.from_numpy(coarse)
        found[key] = {
            "quality": [float(f"{q:.6g}") for q in quality],
            "masks": [digest(mask) for mask in masks],
            "coarse": [digest(mask) for mask in coarse],
        }
        return coarse[int(quality.argmax())][None].numpy()

    click = {"point_coords": np.array([[20.0, 15.0]]), "point_labels": np.array([1])}
    clicks = {"point_coords": np.array([[20.0, 15.0], [60.0, 35.0]]), "point_labels": np.array([1, 0])}
    bounds = np.array([10.0, 5.0, 50.0, 40.0])
    best = ask("click", True, **click)
    ask("again", False, mask_input=best, **clicks)
    ask("box", False, box=bounds)
    ask("box_and_clicks", True, box=bounds, **clicks)
    ask("mask", False, mask_input=best)
    return found


def same(old, new, path=""):
    if isinstance(old, dict):
        return old.keys() == new.keys() and all([same(old[k], new[k], f"{path}/{k}") for k in old])
    if isinstance(old, list) and any(isinstance(v, dict) for v in old):
        return len(old) == len(new) and all([same(a, b, f"{path}/{i}") for i, (a, b) in enumerate(zip(old, new))])
    if isinstance(old, list) and any(isinstance(v, float) for v in old):
        close = len(old) == len(new) and np.allclose(old, new, rtol=1e-5, atol=1e-4)
    else:
        close = old == new
    if not close:
        print("different:", path, old, new)
    return close


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    version = torch.__version__.split("+")[0]
    body = {"provenance": {"program": "tests/reference/sam2_clips.py", "sam2": "1.1.0", "torch": version}}
    # Memories are kept in half precision there, and in single precision here.
    with mock.patch("torch.bfloat16", torch.float32), mock.patch("sam2.utils.misc.get_connected_components", holes):
        for name in CHECKPOINTS:
            body[name] = {"presence": PRESENCE[name], "video": video(name), "image": image(name)}
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
