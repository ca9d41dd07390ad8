"""Compares files that sparkwave-io wrote into a folder with the rule of make_golden.py: `check_written.py FOLDER`.

Packages that are absent are named and their files passed over.
"""

import importlib
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

T, Y, X = np.indices((5, 6, 7))
EXPECTED = (T * 7919 + Y * 104729 + X * 1299709).astype("u4").astype("u2")
LABELS = [(0, 0), (0, 500_000), (1, 0), (2, 250_000), (12, 1)]


def same(name, values):
    assert values.dtype == EXPECTED.dtype and (np.asarray(values) == EXPECTED).all(), name


if tifffile := package("tifffile"):
    for name in ["plain.tif", "deflate.tif", "a.ome.tif"]:
        try:
            same(name, tifffile.imread(FOLDER / name))
        except ValueError as error:  # imagecodecs is absent
            print("skipped:", name, error)
        with tifffile.TiffFile(FOLDER / name) as tif:
            assert tif.series[0].axes == "TYX", (name, tif.series[0].axes)
            if name == "a.ome.tif":
                assert tif.is_ome
                pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
                assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["TimeIncrement"]) == (0.2, 0.16, 0.1)
            else:
                assert tif.is_imagej and tif.imagej_metadata["finterval"] == 0.1 and tif.imagej_metadata["unit"] == "um"
                x = tif.pages[0].tags["XResolution"].value
                assert x[0] / x[1] == 5.0, x
    same("labels.tif", tifffile.imread(FOLDER / "labels.tif"))
    with tifffile.TiffFile(FOLDER / "labels.tif") as tif:
        assert tif.imagej_metadata["Labels"] == [f"t_{second}.{micros:06}s" for second, micros in LABELS]
    with tifffile.TiffFile(FOLDER / "plain.tif") as tif:
        assert tif.series[0].dataoffset is not None, "frames are not one run"

if h5py := package("h5py"):
    for name in ["plain.h5", "deflate.h5"]:
        with h5py.File(FOLDER / name) as f:
            same(name, f["movie"][:])
            assert list(f["movie"].attrs["pixel_size_um"]) == [0.16, 0.2] and f["movie"].attrs["frame_interval_s"] == 0.1
    assert h5py.File(FOLDER / "deflate.h5")["movie"].compression == "gzip"

if zarr := package("zarr"):
    for name in ["v04.zarr", "v04_zlib.zarr", "v05.zarr", "v05_gzip.zarr"]:
        group = zarr.open_group(FOLDER / name, mode="r")
        same(name, group["0"][:])
        ome = group.attrs["ome"] if "ome" in group.attrs else group.attrs
        level = ome["multiscales"][0]["datasets"][0]
        assert level["coordinateTransformations"][0]["scale"] == [0.1, 0.16, 0.2], level

if pandas := package("pandas"):
    table = pandas.read_csv(FOLDER / "t.csv")
    assert list(table.columns) == ["id", "area_um2", "name", "burst", "nothing"] and table["area_um2"][0] == 0.1
    assert table["name"][0] == "神经元, 1"
    if package("pyarrow"):
        table = pandas.read_parquet(FOLDER / "t.parquet")
        assert table["id"].tolist()[::2] == [1, 3] and np.isnan(table["id"][1])
        assert table["area_um2"].tolist()[:2] == [0.1, 2.0] and np.isnan(table["area_um2"][2])
        assert table["name"].isna().tolist() == [False, True, False]
        assert table["name"][0] == "神经元, 1" and table["name"][2] == ""
        assert table["burst"].isna().tolist() == [False, False, True] and bool(table["burst"][0]) is True
        assert table["nothing"].isna().all() and table["nothing"].dtype == "float64"
print("checked by Python")
