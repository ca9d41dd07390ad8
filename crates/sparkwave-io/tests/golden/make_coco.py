"""Writes coco_masks.json with pycocotools: `python3 make_coco.py`.

Run-length codes, areas and boxes of masks of 24 x 30 pixels, which tests/datasets.rs draws by the same rules.
Made with pycocotools 2.0.11, numpy 2.4.6.
"""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
Y, X = np.indices((24, 30))
MASKS = {
    "disc": (Y - 8) ** 2 + (X - 9) ** 2 <= 30,
    "ring": ((Y - 12) ** 2 + (X - 20) ** 2 >= 20) & ((Y - 12) ** 2 + (X - 20) ** 2 < 60),
    "scattered": (Y * Y * 3 + X * X * 7 + Y * X) % 11 < 5,
    "thin": (Y == 20) & (X > 3) | (X == 28) & (Y > 2),
    "all": Y >= 0,
    "pixel": (Y == 23) & (X == 29),
    "first": (Y == 0) & (X == 0),
}

if __name__ == "__main__":
    from pycocotools import mask

    entries = {}
    for name, pixels in MASKS.items():
        code = mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
        counts = code["counts"].decode("ascii")
        entries[name] = {"counts": counts, "area": int(mask.area(code)), "bbox": mask.toBbox(code).tolist()}
    (HERE / "coco_masks.json").write_text(json.dumps(entries, indent=1) + "\n")
