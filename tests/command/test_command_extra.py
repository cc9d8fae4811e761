"""Without the extra `mnist` the commands that need it say so in one line."""

import pytest
from command_helpers import assert_refused, contents


@pytest.mark.parametrize(
    ("arguments", "missing", "words"),
    [
        (["mnist"], "threadpoolctl", "limited in training by threadpoolctl"),
        (["mnist", "--data", "{images}"], "threadpoolctl", "limited in training by threadpoolctl"),
        (["mnist"], "pooch", "fetched by pooch"),
        (["mnist"], "requests", "fetched by requests"),
        (["compare", "--images", "mnist"], "pooch", "$STDYN_MNIST or --images says where"),
        (["compare", "--images", "mnist"], "requests", "fetched by requests"),
    ],
)
def test_commands_say_what_they_take(run, without, image_folder, tmp_path, arguments, missing, words):
    """With exit code 2 and one line, before anything is written."""
    before = contents(tmp_path)
    without(missing)
    arguments = [each.format(images=image_folder) for each in arguments]
    assert_refused(run(*arguments), words, f'{missing}, which is not installed: pip install "stdyn[mnist]"')
    assert contents(tmp_path) == before
