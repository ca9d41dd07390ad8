"""Checks the data sets that tests/datasets.rs wrote into a folder with the programs they are meant for: `check_datasets.py
FOLDER`. Packages that are absent are named and their files passed over.
"""

import base64
import importlib
import io
import json
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"skipped: the Python package {name} is absent")
        return None


np = package("numpy")
if np is None:
    sys.exit(0)

sys.dont_write_bytecode = True
from make_coco import MASKS, X, Y

if package("pycocotools"):
    from pycocotools import mask
    from pycocotools.coco import COCO

    coco = COCO(FOLDER / "instances.json")
    names = {c["id"]: c["name"] for c in coco.dataset["categories"]}
    assert sorted(names.values()) == sorted(MASKS) == [names[i + 1] for i in range(len(names))]
    kinds = set()
    for annotation in coco.dataset["annotations"]:
        name = names[annotation["category_id"]]
        assert (coco.annToMask(annotation).astype(bool) == MASKS[name]).all(), name
        assert annotation["area"] == MASKS[name].sum() and annotation["iscrowd"] == 0
        kinds.add(type(annotation["segmentation"]))
    assert kinds == {list, dict} and len(coco.dataset["annotations"]) == 2 * len(MASKS)
    videos = json.loads((FOLDER / "videos.json").read_text())
    for track in videos["annotations"]:
        name = {c["id"]: c["name"] for c in videos["categories"]}[track["category_id"]]
        for frame, code in enumerate(track["segmentations"]):
            assert (code is None) == (frame == 1) == (track["areas"][frame] is None) == (track["bboxes"][frame] is None)
            if code is not None:
                assert (mask.decode(code).astype(bool) == MASKS[name]).all(), name

if package("PIL"):
    from PIL import Image, ImageDraw

    # As labelme.utils.shape_to_mask draws polygons, and labelme's bitmaps.
    document = json.loads((FOLDER / "labelme.json").read_text())
    drawn = {name: np.zeros(Y.shape, bool) for name in MASKS}
    for shape in document["shapes"]:
        points = shape["points"]
        if shape["shape_type"] == "polygon":
            picture = Image.new("L", (30, 24), 0)
            ImageDraw.Draw(picture).polygon([tuple(p) for p in points], outline=1, fill=1)
            drawn[shape["label"]] |= np.array(picture, bool)
        else:
            (x0, y0), (x1, y1) = points
            bits = np.array(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
            drawn[shape["label"]][y0 : y1 + 1, x0 : x1 + 1] |= bits > 0
    for name in MASKS:
        assert (drawn[name] == MASKS[name]).all(), name
    assert document["imageHeight"] == 24 and document["imageData"] is None and document["flags"] == {}

segment = FOLDER / "20230922-shu-101" / "segment_0_20230922_221431_20230922_221436"
if tifffile := package("tifffile"):
    image = tifffile.imread(segment / "20230922_221436.tiff")
    assert image.dtype == "uint8" and (image == ((Y * 9)[..., None] + X[..., None] * 5 + np.arange(3) * 40) % 256).all()
    with tifffile.TiffFile(segment / "20230922_221436.tiff") as tif:
        assert tif.pages[0].photometric == tifffile.PHOTOMETRIC.RGB and len(tif.pages) == 1

labels = json.loads((segment / "20230922_221436.json").read_text(encoding="utf-8"))
assert labels["info"]["description"] == "ISAT" and labels["info"]["name"] == "20230922_221436.tiff"
if cv2 := package("cv2"):
    # ISAT paints by layers; OpenCV's filler includes the boundary.
    painted = np.zeros(Y.shape, np.uint8)
    for thing in sorted(labels["objects"], key=lambda o: o["layer"]):
        points = np.array(thing["segmentation"])
        assert thing["bbox"] == [*points.min(0), *points.max(0)]
        cv2.fillPoly(painted, [points.astype(np.int32)], thing["group"])
    assert (painted == np.where(MASKS["ring"], 1, 0) + np.where(MASKS["pixel"], 2, 0)).all()

if yaml := package("yaml"):
    label = yaml.safe_load((FOLDER / "20230922-shu-101" / "isat.yaml").read_text(encoding="utf-8"))["label"]
    assert [entry["name"] for entry in label] == ["__background__", "1", "2023-01-01", "yes", "波"], label
    assert label[0]["color"] == "#000000" and len({entry["color"] for entry in label}) == 5

if openpyxl := package("openpyxl"):
    book = openpyxl.load_workbook(FOLDER / "results.xlsx")
    assert book.sheetnames == ["about", "waves"] and book["waves"].freeze_panes == "A2"
    assert book.properties.created.year == 1900, "a date of creation would make the bytes depend on the day"
    assert [cell.value for cell in book["waves"][2]] == [1, 2.5, True, "1-2"]
print("checked by Python")
