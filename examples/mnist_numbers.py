"""The numbers that figures/README.md gives of the layered networks: python examples/mnist_numbers.py [FILE ...]"""

import sys
from pathlib import Path

import numpy as np

import stdyn

FILES = [f"data/mnist_{name}.h5" for name in ("200-80", "200-80_lr0.1", "1000", "200-200-100")]
PARTS = ("train", "test")


def spread(values, digits=2):
    """Mean and standard deviation."""
    values = np.asarray(values, dtype=float)
    there = values[np.isfinite(values)]
    if not there.size:
        return "never"
    text = f"{there.mean():.{digits}f}" + (f" ± {there.std(ddof=1):.{digits}f}" if there.size > 1 else "")
    return text if there.size == values.size else f"{text} ({there.size} of {values.size})"


def at_training_error(history, level):
    """Test error in per cent after the first epoch whose training error is below a level, and this epoch; NaN: none."""
    there = np.flatnonzero(history.train_error < level)
    return (100 * history.test_error[there[0]], there[0]) if there.size else (np.nan, np.nan)


def last_tenth(values):
    """The mean over the last tenth of the epochs: what the noise of single epochs leaves."""
    return np.mean(values[-max(1, len(values) // 10) :])


def at_alpha(history, alpha):
    """The cosines of the hidden layers at an alpha, between those that are recorded."""
    return [np.interp(alpha, history.alphas, cosines) for cosines in history.alignment.T]


def errors(histories):
    """Lines with the errors and losses of the networks of a rule."""
    yield "final training error ", spread([100 * each.train_error[-1] for each in histories])
    yield "final test error     ", spread([100 * each.test_error[-1] for each in histories])
    yield "their difference     ", spread([100 * (each.test_error[-1] - each.train_error[-1]) for each in histories])
    tenths = {part: [100 * last_tenth(getattr(each, f"{part}_error")) for each in histories] for part in PARTS}
    yield "the same, last tenth ", *(f"{spread(values)} {part};" for part, values in tenths.items())
    for level in (0.05, 0.02, 0.01, 0.001):
        tests, epochs = zip(*(at_training_error(each, level) for each in histories), strict=True)
        said = f"{spread(tests)} (after epoch {spread(epochs, 1)})" if np.isfinite(tests).any() else "never"
        yield f"test error when the training error is first below {100 * level:g} %:", said
    lowest = spread([each.test_loss.min() for each in histories], 4)
    yield "lowest test loss     ", lowest, "at epoch", spread([each.test_loss.argmin() for each in histories], 0)
    yield "final test loss      ", spread([each.test_loss[-1] for each in histories], 4)


def alignment(histories):
    """Lines with the angles and cosines between what the networks of a rule do and what backpropagation would."""
    for name in ("weight_angle", "update_angle"):
        for when, epoch in (("first epoch's", 1), ("final", -1)):
            values = np.array([getattr(each, name)[epoch] for each in histories])
            yield f"{when} {name}s by layer:", ", ".join(spread(column, 1) for column in values.T)
    last = histories[0].alphas[-1]
    for alpha in (each for each in (10, 1000, last) if each <= last):
        values = np.array([at_alpha(each, alpha) for each in histories])
        yield f"cosines by layer at alpha = {alpha:.0f}:", ", ".join(spread(column) for column in values.T)
    outputs = np.array([each.output_angle[-1] for each in histories])
    yield (f"final output angles: {outputs.min():.0f} to {outputs.max():.0f}, mean {outputs.mean():.0f};",)
    yield "  of each output", ", ".join(f"{o}: {mean:.1f}" for o, mean in enumerate(outputs.mean(axis=0)))


def main(files):
    for file in files:
        found = stdyn.open_training(file)
        print(f"\n{file}: {'-'.join(map(str, found.widths))}, lr = {found.description['lr']:g}\n")
        for rule in dict.fromkeys(found.rules):
            histories = [each for each in found.histories if each.rule == rule]
            print(f"{rule}, {len(histories)} networks, {len(histories[0].epochs) - 1} epochs")
            for line in errors(histories):
                print(" ", *line)
            for line in alignment(histories) if rule != "bp" else ():
                print(" ", *line)


if __name__ == "__main__":
    main(sys.argv[1:] or [file for file in FILES if Path(file).exists()])
