"""Writes the files of this folder with tifffile, h5py and zarr-python: `python3 make_golden.py`. SIF files, which no
library writes, are put together after real ones and read back with sif_parser.

Every movie is [5, 6, 7] with the values that `pixels` below gives; tests/foreign.rs computes the same ones.
Made with tifffile 2026.3.3, h5py 3.16.0, zarr 3.1.6, numpy 2.4.6, sif_parser 0.3.6.
"""

import pathlib
import shutil

import h5py
import numpy as np
import sif_parser
import tifffile
import zarr

HERE = pathlib.Path(__file__).parent
SHAPE = (5, 6, 7)


def pixels(dtype, shape=SHAPE):
    t, y, x = np.indices(shape)
    values = (t * 7919 + y * 104729 + x * 1299709).astype(np.uint32)
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return (values % 2048).astype(dtype) / dtype.type(4)
    if dtype.itemsize > 4:
        return values.astype(dtype)
    return values.astype(f"u{dtype.itemsize}").view(f"{dtype.kind}{dtype.itemsize}").astype(dtype)


def tiffs():
    write = lambda name, data, **more: tifffile.imwrite(HERE / name, data, **more)
    write("imagej.tif", pixels("u2"), imagej=True, resolution=(6.25, 6.25), metadata={"axes": "TYX", "unit": "um", "finterval": 0.1})
    write("imagej_hyperstack.tif", pixels("u2", (30, 6, 7)).reshape(5, 3, 2, 6, 7), imagej=True, metadata={"axes": "TZCYX"})
    labels = [f"2023-09-22T23:59:{58 + t / 4:05.2f}\nframe {t}" for t in range(5)]
    write("imagej_labels.tif", pixels("u2"), imagej=True, byteorder=">", metadata={"axes": "TYX", "finterval": 9, "Labels": labels, "Info": "a"})
    write("ome_channels.ome.tif", pixels("u2", (10, 6, 7)).reshape(5, 2, 6, 7), metadata={"axes": "TCYX", "PhysicalSizeX": 160, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 200, "PhysicalSizeYUnit": "nm", "TimeIncrement": 100, "TimeIncrementUnit": "ms"})
    write("big_endian.tif", pixels("u2"), byteorder=">")
    write("bigtiff.tif", pixels("f4"), bigtiff=True)
    write("deflate_predictor.tif", pixels("u2"), compression="zlib", predictor=True, rowsperstrip=2)
    write("deflate_tiles_be.tif", pixels("u2", (5, 20, 33)), compression="zlib", tile=(16, 16), byteorder=">")
    write("plain_tiles.tif", pixels("u1", (5, 20, 33)), tile=(16, 16))
    write("white_is_zero.tif", pixels("u1"), photometric="miniswhite", compression="zlib")
    for dtype in ["i1", "i2", "i4", "u8", "f2", "f8"]:
        write(f"type_{dtype}.tif", pixels(dtype) % 100000 - 50000 if dtype == "i4" else pixels(dtype))
    write("rgb.tif", np.zeros((6, 7, 3), "u1"), photometric="rgb")
    try:
        write("lzw_predictor.tif", pixels("u2"), compression="lzw", predictor=True)
        write("packbits.tif", pixels("u1"), compression="packbits")
        write("zstd_float_predictor.tif", pixels("f4"), compression="zstd", predictor=3)
    except Exception as error:  # imagecodecs is absent
        print("left out:", error)


def hdf5s():
    with h5py.File(HERE / "one.h5", "w") as f:
        d = f.create_dataset("dff/ch0", data=pixels("u2"), chunks=(2, 4, 7), compression="gzip", shuffle=True)
        d.attrs["element_size_um"] = [1.0, 0.2, 0.16]
        f["trace"] = np.arange(5.0)
    with h5py.File(HERE / "several.h5", "w", libver="latest") as f:
        f.create_dataset("be", data=pixels(">u2"))
        f.create_dataset("half", data=pixels("f2"), chunks=(1, 6, 7))
        f.create_dataset("deep/i1", data=pixels("i1"), maxshape=(None, 6, 7), compression="lzf")
        f.create_dataset("four", data=np.zeros((2, 2, 2, 2)))
        f["link"] = h5py.SoftLink("/deep/i1")
    with h5py.File(HERE / "msct.h5", "w") as f:
        for stream in ["10", "9"]:
            g = f.create_group(f"train/{stream}")
            g["input"] = pixels("f4")
            g["label"] = pixels("u2")
            g["events"] = np.array([[1, 0, 4, 1, 3, 2, 6], [2, 1, 2, 0, 5, 0, 6]])


def zarrs():
    def fresh(name):
        shutil.rmtree(HERE / name, ignore_errors=True)
        return HERE / name

    root = zarr.open_group(fresh("v3_tczyx.zarr"), mode="w", zarr_format=3)
    data = pixels("u2", (10, 6, 7)).reshape(5, 2, 1, 6, 7)
    array = root.create_array("s0", shape=data.shape, chunks=(1, 1, 1, 6, 7), shards=(5, 2, 1, 6, 7), dtype="u2")
    array[:] = data
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    kinds = {"t": "time", "c": "channel"}
    axes = [{"name": a, "type": kinds.get(a, "space"), **({"unit": units[a]} if a in units else {})} for a in "tczyx"]
    level = {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [0.1, 1, 1, 0.2, 0.16]}]}
    root.attrs["ome"] = {"version": "0.5", "multiscales": [{"name": "x", "axes": axes, "datasets": [level]}]}

    root = zarr.open_group(fresh("v2_tyx.zarr"), mode="w", zarr_format=2)
    array = root.create_array("0", shape=SHAPE, chunks=(2, 6, 4), dtype=">u2")
    array[:] = pixels("u2")
    axes = [{"name": "t", "type": "time", "unit": "millisecond"}] + [{"name": a, "type": "space", "unit": "nanometer"} for a in "yx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [100, 200, 160]}]}
    root.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]

    array = zarr.create_array(fresh("bare.zarr"), shape=SHAPE, chunks=(2, 6, 7), dtype="f4", compressors=zarr.codecs.BloscCodec(cname="lz4"), overwrite=True)
    array[:] = pixels("f4")


def sif(name, version, bins, stamps_us, second_table=None):
    """A series of 0.02 s a frame, 2009-09-30 17:01:22 UTC. The user's text is full of what the header has elsewhere."""
    data = pixels("f4")
    n, height, width = data.shape
    fields = "0 1 1000 0 2e-08 1e-08 0 0 \x04 \x00 1 0 4 0 0 0 0 0 1 0 0 1 5e-07 0 5.1 3425 1 1 -999 0 0 1 0 0 -1 4 12 30003 0 0 1 8"
    lines = [
        "Andor Technology Multi-Channel File",
        "65538 1",
        f"{version} 0 0 1 1254330082 -80 \x00 \n \x20 \x05 \x00 0 0.01 0.019 0.019 1 \x00 0.02 1e-07 {fields}",
        "DU897_BV ",
        " 512 512 5",
        "a.sif ",
        "65538 2048",
        ("Pixel number6\nCounts12\nPixel number65541 1 \x00\xff\n".encode("latin1") * 99)[:2048].decode("latin1"),
        "65538 \x01 \x02 \x03 \x00 0 0",
    ]
    if version == 65567:
        lines += ["65540 1 1 561 1 1 600 650NM", "1 50", "1 0", "0 KY328i", "0 10", "0 10", "0 0 ", "65537 0 500 1200", "0 999 999"]
        lines += ["", "65539 1 5 2500 0 0 0 10000 1 2000000 1 100 0 0 100 0 0", "1 1 0 10000", "0 1 0 2000", "0 1 0 2000", "1 0 0", "", "-1"]
        lines += ["65538 0 1024 1024 1024 1024 1 1 1 1", "65540 \x02 \x00 \x01 \x00 \x01 \x00", "0 1 0 0"]
    else:
        lines += ["65540 0 0 500 0 0 1200 1200", "0 10", "0 0", "0 SR303i", "0 10", "0 10", "0 0 ", "65536 1 500 200"]
        lines += ["17 Spectrograph_None", "65539 \x01 \x00 \x01 \x00 \x01 \x00", "0 1 0 0"]
    lines += ["0 1 0 0", "0 1 0 0", "422", "16", "16"] + ["1"] * (version == 65567) + ["12", "Pixel number6", "Counts12"]
    bin_y, bin_x = bins
    area = f"101 {height * bin_y + 10} {width * bin_x + 100} 11"
    lines += [f"Pixel number65541 {area} {n} 1 {data.size} {height * width}", f"65538 {area} {bin_y} {bin_x} 0"]
    lines += [f"{stamp:10d}" for stamp in stamps_us]
    lines += ["0"] if second_table is None else ["1"] + [str(number) for number in second_table]
    text = "\n".join(lines) + "\n"
    (HERE / name).write_bytes(text.encode("latin1") + data.astype("<f4").tobytes() + b"0\n0\n0\n0\n")
    read, info = sif_parser.np_open(HERE / name)
    assert np.array_equal(read, data) and info["StackCycleTime"] == 0.02, name


def sifs():
    sif("cycle.sif", 65559, (2, 4), [0] * 5)
    sif("stamps.sif", 65567, (1, 1), [100, 20_100, 40_100, 80_100, 100_100], range(5))


tiffs()
hdf5s()
zarrs()
sifs()
