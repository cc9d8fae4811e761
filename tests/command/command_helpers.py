"""What the tests of the command share: small experiments, and what is left in a folder."""

from bad_options import SMALL as SMALL

RUNS = ("--runs", "3")


def contents(folder):
    """Every file below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_refused(result, *words):
    """Exit code 2, nothing on stdout, and one line on stderr that has these words."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    assert err.startswith("stdyn: error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
