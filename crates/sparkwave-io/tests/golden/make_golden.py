"""Writes the files of this folder with tifffile, h5py and zarr-python: `python3 make_golden.py`.

Every movie is [5, 6, 7] with the values that `pixels` below gives; tests/foreign.rs computes the same ones.
Made with tifffile 2026.3.3, h5py 3.16.0, zarr 3.1.6, numpy 2.4.6.
"""

import pathlib
import shutil

import h5py
import numpy as np
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


tiffs()
hdf5s()
zarrs()
