"""stdyn compare --images: networks on images beside the theory of their spectrum."""

import numpy as np
import pytest
from command_helpers import assert_refused, contents
from conftest import write_images

from stdyn import binning_error, load, mnist

IMAGES = ("compare", "--images", "mnist", "--runs", "3", "--points", "7", "--name", "r")
KINDS = ("images", "network", "ode")


@pytest.fixture
def images_run(run, image_folder, monkeypatch):
    """run, with the small images where MNIST would be: 300 of 36 pixels."""
    monkeypatch.setenv("STDYN_MNIST", str(image_folder))
    return run


def test_theory_networks_on_images_and_on_gaussian_inputs(images_run, image_folder, tmp_path):
    """Of one problem, with the spectrum of the images, by default to the last of them; table, files and figures."""
    code, out, err = images_run(*IMAGES)
    assert code == 0, err
    names = [f"data/r_{rule}_{kind}.h5" for rule in ("bp", "fa") for kind in KINDS]
    figures = [f"figures/r_{name}.png" for name in ("bp_order_parameters", "examples", "fa_order_parameters")]
    assert list(contents(tmp_path)) == names + figures
    train, _ = mnist.load(image_folder).principal()
    assert "300 images in N = 36 directions, each at most once in a run; 100 to test with" in out
    for rule in ("fa", "bp"):
        images, network, theory = (load(tmp_path / f"data/r_{rule}_{kind}.h5") for kind in KINDS)
        assert images.problem == network.problem == theory.problem
        assert np.allclose(theory.problem.inputs.variances, train.var(axis=0), rtol=6e-6, atol=0)
        assert (theory.problem.N, theory.problem.inputs.groups, theory.problem.rule) == (36, 36, rule)
        assert theory.alphas[-1] == pytest.approx(300 / 36)
        assert images.attributes["examples"] == "300 that were given, each at most once"
        assert images.eps_g_test.shape == images.eps_g.shape == (3, 7)
        assert network.eps_g_test is None
        assert f"{rule}: generalization error eps_g" in out
        for name, runs in (("test", images.eps_g_test), ("Gaussian", network.eps_g)):
            assert f"{runs[:, -1].mean():.4f} ± {runs[:, -1].std(ddof=1) / np.sqrt(3):.4f}" in out
            assert f"\n{name}: " in out


@pytest.mark.slow
def test_the_same_command_takes_over_what_is_there(images_run, tmp_path):
    """Another way to take the images is another experiment; --force begins anew."""
    assert images_run(*IMAGES, "--rule", "bp")[0] == 0
    before = contents(tmp_path)
    code, out, _ = images_run(*IMAGES, "--rule", "bp")
    assert (code, out.count("is there already")) == (0, 5)
    assert contents(tmp_path) == before
    assert_refused(images_run(*IMAGES, "--rule", "bp", "--repeat"), "r_bp_images.h5", "examples is", "--force")
    code, out, _ = images_run(*IMAGES, "--rule", "bp", "--repeat", "--alpha-max", "20", "--groups", "4", "--force")
    assert code == 0
    assert "300 images in N = 36 directions in 4 groups, again and again; 100 to test with" in out
    found, theory = (load(tmp_path / "data" / f"r_bp_{kind}.h5") for kind in ("images", "ode"))
    changed = binning_error(theory.problem, theory.alphas)["eps_g"]
    assert f"half as many groups change eps_g by up to {changed.max():.2g}, at alpha" in out
    assert (found.problem.inputs.groups, found.alphas[-1]) == (4, 20)
    assert found.attributes["examples"].startswith("300 that were given, again and again")


def test_other_threads_go_on(images_run, monkeypatch):
    """Of BLAS: 1 and 2 of them give principal components that differ by 1e-13."""
    assert images_run(*IMAGES, "--rule", "bp")[0] == 0
    principal = mnist.Images.principal

    def by_other_threads(images):
        train, test = principal(images)
        return train * (1 + 1e-13 * np.arange(train.shape[1]) / train.shape[1]), test

    monkeypatch.setattr(mnist.Images, "principal", by_other_threads)
    code, out, err = images_run(*IMAGES, "--rule", "bp")
    assert (code, out.count("is there already")) == (0, 5), err


@pytest.mark.slow
def test_options_win_over_what_is_usual(images_run, image_folder, tmp_path):
    """Of options and of a file; a folder may be named instead of mnist."""
    (tmp_path / "c.toml").write_text('K = 3\nrule = "kp"\ndecay_v = 0.1\n')
    arguments = ("--images", str(image_folder), "--config", "c.toml", "--eta", "0.4", "--alpha-max", "2")
    code, _, err = images_run(
        "compare", *arguments, "--runs", "2", "--points", "3", "--method", "reduced", "--name", "r"
    )
    assert code == 0, err
    found = load(tmp_path / "data" / "r_kp_reduced.h5").problem
    assert (found.start.K, found.start.M, found.eta, found.eta_v, found.rule) == (3, 2, 0.4, 0.2, "kp")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--alpha-max", "9"), ("alpha_max must be at most 8.33333", "300 images", "is 9", "--repeat")),
        (("--batch", "2", "--alpha-max", "5"), ("alpha_max must be at most 4.16667", "is 5")),
        (("--N", "36"), ("N is of no use with --images",)),
        (("--inputs", '{kind="isotropic"}'), ("inputs is of no use with --images",)),
        (("--write-config", "c.toml"), ("write_config is of no use with --images, but is 'c.toml'",)),
        (("--fluctuations",), ("--fluctuations is of no use with --images",)),
        (("--tasks", "{similarity=0.5}"), ("tasks cannot be given with --images", "similarity")),
        (("--T", "[[1, 0], [0, 1]]"), ("T cannot be given with --images", "[[1, 0], [0, 1]]")),
        (("--start", "prepared"), ("start cannot be given with --images", "'prepared'")),
        (("--R", "[[0, 0], [0, 0]]", "--Q", "[[1, 0], [0, 1]]"), ("R cannot be given with --images",)),
        (("--groups", "37"), ("groups must be", "36", "37")),
        (("--groups", "0"), ("groups must be", "0")),
        (("--teacher", "isotropic"), ("teacher must be",)),
        (("--flow",), ("flow must be False",)),
        (("--drift", "0.1"), ("drift",)),
        (("--runs", "1"), ("runs must be", "2")),
    ],
)
def test_what_images_do_not_allow_is_refused(images_run, tmp_path, options, words):
    """In one line, before anything is written."""
    given = [each for each in IMAGES if each != "3"] if options[0] == "--runs" else list(IMAGES)
    given = [each for each in given if not (options[0] == "--runs" and each == "--runs")]
    assert_refused(images_run(*given, *options), *words)
    assert not contents(tmp_path)


def test_images_that_are_not_there_are_refused(run, tmp_path, monkeypatch):
    """A folder without them; a config file with an N of its own; options of images without images."""
    assert_refused(run("compare", "--images", "nowhere"), "nowhere")
    assert_refused(run("compare", "--images", ""), "--images")
    for option in (("--repeat",), ("--groups", "4"), ("--other-data",)):
        assert_refused(run("compare", *option), option[0][2:].replace("-", "_"), "without --images")


def test_a_file_is_no_folder_and_images_must_differ(run, tmp_path):
    """A message says what was expected, and names --images, not another command's option."""
    folder = write_images(tmp_path / "images", train=100, noise=0, classes=1)
    assert_refused(run("compare", "--images", str(folder)), "--images", "train_images must not be all alike")
    file = str(folder / "train-images-idx3-ubyte.gz")
    words = "must be a folder, but is a file ($STDYN_MNIST or"
    assert_refused(run("compare", "--images", file), file, f"{words} --images says")
    assert_refused(run("mnist", "--data", file), file, f"{words} --data says")


def test_files_have_a_name_of_their_own(images_run, tmp_path):
    """That of `stdyn compare` without images is another, unless --name says it."""
    arguments = ("compare", "--images", "mnist", "--runs", "2", "--points", "3", "--alpha-max", "1", "--rule", "bp")
    for name, more in (("images", ()), ("reference", ("--name", "reference"))):
        code, _, err = images_run(*arguments, *more)
        assert code == 0, err
        assert (tmp_path / f"data/{name}_bp_ode.h5").is_file()
        assert len(list((tmp_path / "data").iterdir())) == (3 if name == "images" else 6)


@pytest.mark.parametrize(
    ("text", "name"),
    [("N = 40", "N"), ('inputs = {kind = "power_law", exponent = 1, groups = 4}', "inputs"),
     ("T = [[1, 0], [0, 1]]", "T"), ('start = "prepared"', "start"), ("tasks = {similarity = 0.5}", "tasks")],
)  # fmt: skip
def test_what_a_file_says_otherwise_is_refused(images_run, tmp_path, text, name):
    (tmp_path / "c.toml").write_text(f"{text}\n")
    assert_refused(images_run(*IMAGES, "--config", "c.toml"), f"{name} cannot be given with --images")


def test_fewer_images_than_twice_the_directions_are_refused(run, tmp_path):
    """40 of 64 pixels vary in 39 directions, which are those of the set, and 100 of 64 in 64."""
    for train, directions in ((40, 39), (100, 64)):
        folder = write_images(tmp_path / f"images{train}", train=train, side=8)
        refused = run("compare", "--images", str(folder), "--runs", "2", "--points", "3")
        assert_refused(refused, "--images", f"images{train}", f"{train} vary in {directions}")
