"""What is read of a file that others had in their hands: its own values, whatever else is in it, nothing outside."""

import os
from importlib.metadata import version

import h5py
import numpy as np
import pytest
import xarray
from test_store import solved

from stdyn import (
    Experiment,
    InputError,
    Training,
    Variations,
    fluctuations,
    load,
    load_fluctuations,
    open_scan,
    open_training,
    scan,
    train,
)
from stdyn.files import store
from stdyn.files.table import Table

OPEN = {
    "theory": load,
    "simulation": load,
    "fluctuations": load_fluctuations,
    "scan": open_scan,
    "training": open_training,
}
KINDS = tuple(OPEN)


@pytest.fixture(scope="module")
def files(tmp_path_factory, image_folder):
    """A small file of every kind."""
    folder = tmp_path_factory.mktemp("files")
    made = {kind: folder / f"{kind}.h5" for kind in KINDS}
    theory = solved("ode")
    theory.save(made["theory"])
    solved("network").save(made["simulation"])
    fluctuations(theory.problem, theory.alphas[:3]).save(made["fluctuations"])
    experiment = Experiment(K=2, M=2, alpha_max=2)
    scan(Variations(experiment, {"draw": (1, 2), "rule": ("fa", "bp")}), experiment.alphas()[:4], made["scan"])
    train(Training(rule=("fa", "bp"), widths=(5,), epochs=1, batch=100), made["training"], image_folder)
    return made


def everything(path):
    """Axes, values and meaning of all variables, and the attributes."""
    with Table(path) as table:
        return table.variables(), table.attributes


def assert_same(path, expected):
    """What is in two files is the same to the last bit, and of the same types."""
    variables, attributes = everything(path)
    assert variables.keys() == expected[0].keys()
    for name, (axes, values, meaning) in expected[0].items():
        assert (axes, meaning) == (variables[name][0], variables[name][2]), name
        np.testing.assert_array_equal(variables[name][1], values, err_msg=name, strict=True)
    assert attributes == expected[1]
    assert {name: type(value) for name, value in attributes.items()} == {
        name: type(value) for name, value in expected[1].items()
    }


# ---------------------------------------------------------------------------------------------------------------------
# Through netCDF's libraries


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_through_xarray_is_read_as_it_was(files, kind, tmp_path):
    """open_dataset and to_netcdf with h5netcdf, which may make vectors of attributes and drops coordinates."""
    path = tmp_path / "through.h5"
    with xarray.open_dataset(files[kind], engine="h5netcdf") as data:
        data.to_netcdf(path, engine="h5netcdf")
    with h5py.File(path) as file:
        assert file.attrs["format_version"].shape == (1,) or version("h5netcdf").startswith("1.3")
    assert_same(path, everything(files[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_what_to_xarray_gives_is_read_again(files, kind, tmp_path):
    """`to_xarray().to_netcdf(…)` writes a file of stdyn's too."""
    path = tmp_path / "again.nc"
    OPEN[kind](files[kind]).to_xarray().to_netcdf(path, engine="h5netcdf")
    variables, attributes = everything(path)
    for name, (axes, values, _) in everything(files[kind])[0].items():
        assert variables[name][0] == axes
        np.testing.assert_array_equal(variables[name][1], values, err_msg=name)
    assert attributes == everything(files[kind])[1]
    OPEN[kind](path)


def test_a_scan_of_which_nothing_varies_goes_through_xarray(tmp_path):
    problem = solved("ode").problem
    scanned = scan([problem, problem], [0.0, 1.0], tmp_path / "scan.h5")
    scanned.to_xarray().to_netcdf(tmp_path / "scan.nc", engine="h5netcdf")
    again = open_scan(tmp_path / "scan.nc")
    assert again.coordinates == {}
    np.testing.assert_array_equal(again.trajectory(1).R, scanned.trajectory(1).R)


def like_netcdf(source, target):
    """Write a file as nccopy -d1 does, with netCDF-C's attributes, types, order and storage."""
    with h5py.File(source) as old, h5py.File(target, "w", track_order=True) as new:
        for name, value in old.attrs.items():
            new.attrs.create(name, value, (1,), h5py.string_dtype() if isinstance(value, str) else None)
        new.attrs["_NCProperties"] = np.bytes_("version=2,netcdf=4.10.1,hdf5=2.2.0")
        new.attrs["history"] = h5py.Empty("S1")
        scales = [name for name in old if old[name].is_scale]
        for name in [*scales, *reversed([name for name in old if name not in scales])]:
            values = old[name][()]
            stored = {"chunks": old[name].shape, "compression": "gzip", "shuffle": True}
            is_text = old[name].dtype == object
            stored |= {} if is_text else {"fletcher32": True}
            swapped = None if is_text else old[name].dtype.newbyteorder(">")
            copy = new.create_dataset(name, data=values, dtype=h5py.string_dtype() if is_text else swapped,
                                      **(stored if np.size(values) and np.ndim(values) else {}))  # fmt: skip
            for key in ("long_name",) if "long_name" in old[name].attrs else ():
                copy.attrs.create(key, np.bytes_(old[name].attrs[key].encode()))
            copy.attrs["_Netcdf4Dimid"] = np.int32([3])
            if copy.dtype.kind == "f":
                copy.attrs["_FillValue"] = np.array([np.nan])
            if name in scales:
                copy.make_scale(name)
            else:
                for position, axis in enumerate(old[name].dims):
                    copy.dims[position].attach_scale(new[axis[0].name])


@pytest.mark.parametrize("kind", KINDS)
def test_what_went_through_nccopy_is_read_as_it_was(files, kind, tmp_path):
    """Vectors of one, texts of fixed length, another order, compressed, with checksums, in the other byte order."""
    path = tmp_path / "through.h5"
    like_netcdf(files[kind], path)
    variables, attributes = everything(files[kind])
    assert_same(path, (variables, attributes | {"history": ""}))


def test_an_axis_without_values_counts_from_0(files, tmp_path):
    """As netCDF writes one that is no variable: the numbers in it are not read."""
    path = tmp_path / "axis.h5"
    path.write_bytes(files["theory"].read_bytes())
    with h5py.File(path, "r+") as file:
        axis = file.create_dataset("observer", (3,), ">f4")
        axis.make_scale(f"This is a netCDF dimension but not a netCDF variable{3:10d}")
    with Table(path) as table:
        assert table.read("observer").tolist() == [0, 1, 2]
        assert (table.shape("observer"), table.dtype("observer"), table.axes("observer")) == (
            (3,),
            np.int64,
            ("observer",),
        )


@pytest.mark.parametrize("dtype", [">f8", ">i4", "<i2", "u1", ">f4"])
def test_numbers_come_in_the_byte_order_of_the_machine(files, tmp_path, dtype):
    """`dtype` says how, before they are read."""
    path = tmp_path / "order.h5"
    path.write_bytes(files["theory"].read_bytes())
    with h5py.File(path, "r+") as file:
        file.create_dataset("more", data=np.arange(6).reshape(2, 3), dtype=dtype)
    with Table(path) as table:
        values = table.read("more")
        assert values.dtype == table.dtype("more") == np.dtype(dtype).newbyteorder("=")
        assert values.tolist() == [[0, 1, 2], [3, 4, 5]]


# ---------------------------------------------------------------------------------------------------------------------
# What is not ours


def put_foreign(path, elsewhere):
    """Add all that HDF5 can hold: a group, types, links, virtual and external data, odd attributes."""
    with h5py.File(path, "r+") as file:
        file.create_group("group")["R"] = np.zeros(3)
        file["type"] = np.dtype("f4")
        file["table"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
        file["nothing"] = h5py.Empty("f8")
        file["soft"], file["dangling"] = h5py.SoftLink("/R"), h5py.SoftLink("/nowhere")
        file["external"] = h5py.ExternalLink(elsewhere, "/x")
        layout = h5py.VirtualLayout((5,), "f8", maxshape=(None,))
        layout[: h5py.h5s.UNLIMITED] = h5py.VirtualSource(elsewhere, "x", (5,), maxshape=(None,))[: h5py.h5s.UNLIMITED]
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("stored elsewhere", (10,), "f8", external=[(elsewhere, 0, 80)])
        file.attrs["structure"] = np.zeros(2, [("a", "f4"), ("b", "i4")])
        file.attrs["reference"], file.attrs["none"] = file["R"].ref, h5py.Empty("f8")
        file.attrs["texts"] = ["a", "b"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_ours_is_neither_read_nor_followed(files, kind, tmp_path):
    """It would hang if a link, virtual or external data were followed: they lead to a pipe that nobody writes to."""
    path, pipe = tmp_path / "more.h5", tmp_path / "pipe"
    path.write_bytes(files[kind].read_bytes())
    os.mkfifo(pipe)
    with h5py.File(path, "r+") as file:
        if "R" not in file:
            file["R"] = np.zeros(2)
            file["R"].make_scale("R")
    expected = everything(path)
    put_foreign(path, str(pipe))
    assert_same(path, expected)
    assert store.read(path)[1] == expected[1]
    refused = {
        "soft": "is a link to somewhere else, which is not followed",
        "external": "is a link to somewhere else, which is not followed",
        "virtual": "is a virtual data set, the values of which are in other files",
        "stored elsewhere": f"has its values in another file, '{pipe}', which is not followed",
        "table": "holds neither numbers nor texts",
        "nothing": "holds neither numbers nor texts",
        "group": "more.h5 holds no 'group'",
        "group/R": "more.h5 holds no 'group/R'",
        "/R": "more.h5 holds no '/R'",
        ".": "more.h5 holds no '.'",
        "type": "more.h5 holds no 'type'",
        "no such": "more.h5 holds no 'no such'",
    }
    with Table(path) as table:
        for name, reason in refused.items():
            for function in (table.read, table.shape, table.dtype, table.axes):
                with pytest.raises(InputError) as error:
                    function(name)
                assert reason in str(error.value)
                assert str(path) in str(error.value)


def test_a_trajectory_and_a_scan_with_foreign_things_load(files, tmp_path):
    """The results are those of the files without them."""
    for kind in ("theory", "scan"):
        path = tmp_path / f"{kind}.h5"
        path.write_bytes(files[kind].read_bytes())
        with h5py.File(path, "r+") as file:
            file.create_group("notes").attrs["by"] = "somebody"
            file.attrs["notes"] = "seen"
    assert np.array_equal(load(tmp_path / "theory.h5").R, load(files["theory"]).R)
    assert open_scan(tmp_path / "scan.h5").to_xarray().equals(open_scan(files["scan"]).to_xarray())


def test_texts_that_are_no_utf8_are_read(files, tmp_path):
    """In attributes and data sets, of fixed and variable length: what is wrong is replaced."""
    path = tmp_path / "texts.h5"
    path.write_bytes(files["theory"].read_bytes())
    with h5py.File(path, "r+") as file:
        file.attrs.create("free", b"a\xff", dtype=h5py.string_dtype())
        file.attrs["fixed"] = np.bytes_(b"b\xfe")
        file.create_dataset("free", data=[b"c\xff", "ö".encode()], dtype=h5py.string_dtype())
        file.create_dataset("fixed", data=np.array([b"d\xff", b"e"]))
    with Table(path) as table:
        assert (table.attributes["free"], table.attributes["fixed"]) == ("a�", "b�")
        assert (table.read("free").tolist(), table.read("fixed").tolist()) == (["c�", "ö"], ["d�", "e"])
