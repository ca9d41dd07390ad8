"""Shows a simulated wave: the scene, the change over five seconds, and where the truth draws its band.

    cargo run --release -p sparkwave-core --example waves_preview -- PREVIEW_DIR [SEED]
    python3 docs/simulator/waves.py PREVIEW_DIR OUT.png

The change is smoothed over 0.1 mm for display only; blue falls, red rises, all panels on one scale.
"""
import os
import sys

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage


def main():
    folder, out = sys.argv[1], sys.argv[2]
    shape = tuple(int(n) for n in open(os.path.join(folder, "shape.txt")).read().split())
    read = lambda name, kind, size: np.fromfile(os.path.join(folder, name), kind).reshape(size)
    seconds, masks = read("seconds.f32", "<f4", shape), read("masks.u32", "<u4", shape)
    frame, rest = read("frame.u16", "<u2", shape[1:]).astype(float), read("rest.f32", "<f4", shape[1:])
    seen = np.flatnonzero(masks.any((1, 2)))
    chosen = seen[np.linspace(0, len(seen) - 1, 6).round().astype(int)]

    low, high = np.quantile(frame, [0.01, 0.995])
    gray = np.clip((frame - low) / (high - low), 0, 1) ** 0.8
    dim = lambda image: np.repeat((255 * image)[..., None], 3, 2)
    panels = [(dim(gray), "one frame")]
    smooth = lambda image: ndimage.gaussian_filter(image, 5)
    light = smooth(rest - 200)
    rates = [smooth(seconds[min(i + 1, shape[0] - 1)] - seconds[i]) / light for i in chosen]
    scale = max(np.quantile(np.abs(r), 0.998) for r in rates)
    for i, rate in zip(chosen, rates):
        part = np.clip(rate / scale, -1, 1)
        colour = np.stack([1 - np.clip(-part, 0, 1), 1 - np.abs(part), 1 - np.clip(part, 0, 1)], -1)
        panel = 255 * colour * (0.35 + 0.65 * gray[..., None])
        mask = masks[i] > 0
        panel[mask ^ ndimage.binary_erosion(mask, iterations=2)] = (0, 120, 0)
        panels.append((panel, f"{5 * i + 0.5:.1f} to {5 * i + 5.5:.1f} s, {100 * scale:.1f} %"))
    arrival = read("arrival.f32", "<f4", shape[1:])
    panel = dim(0.8 * gray)
    first = np.nanmin(arrival)
    for t in np.arange(first, np.nanmax(arrival), 10):
        late = np.nan_to_num(arrival, nan=1e9) > t
        line = late ^ ndimage.binary_erosion(late, iterations=2, border_value=1)
        panel[line & np.isfinite(arrival)] = (255, 220, 0)
    panels.append((panel, "arrival, every 10 s"))

    images = []
    for panel, title in panels:
        image = Image.fromarray(panel.astype(np.uint8)).resize((320, 320), Image.LANCZOS)
        ImageDraw.Draw(image).text((6, 4), title, fill=(255, 255, 255), stroke_width=2, stroke_fill=(0, 0, 0))
        images.append(image)
    sheet = Image.new("RGB", (4 * 320, 2 * 320))
    for k, image in enumerate(images):
        sheet.paste(image, (320 * (k % 4), 320 * (k // 4)))
    sheet.quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    main()
