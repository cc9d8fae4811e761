"""
Layered networks on synthetic images, by BP, FA and DFA
=======================================================

``stdyn.layered`` trains networks of any depth and follows how their weights align with the feedback. These pages are
built without a network, so the images are synthetic, noisy copies of ten random prototypes in the format of MNIST:
they show what the figures look like, not how well images are learned. ``stdyn mnist`` does the same on MNIST.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import stdyn


def write_images(folder, numbers, side=8, classes=10):
    """Four IDX files in MNIST's names."""
    rng = np.random.default_rng(1)
    prototypes = rng.integers(0, 200, (classes, side, side))
    for part, number in numbers.items():
        labels = rng.permutation(np.arange(number) % classes)
        noise = rng.integers(-220, 221, (number, side, side))
        images = np.clip(prototypes[labels] + noise, 0, 255)
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())


with TemporaryDirectory() as folder:
    write_images(Path(folder), {"train": 2000, "t10k": 1000})
    images = stdyn.mnist.load(folder)
print(images.inputs, "pixels,", images.classes, "classes")

# %%
# One network with two hidden layers for each rule, from the same weights.
histories = []
for rule in ("bp", "fa", "dfa"):
    rng = np.random.default_rng(1)
    network = stdyn.layered.random_network((images.inputs, 50, 30, images.classes), rng)
    feedback = None if rule == "bp" else stdyn.layered.random_feedback(network.widths, rule, rng)
    histories.append(
        stdyn.layered.train(network, images, rule, feedback, epochs=15, lr=0.02, batch=10, rng=np.random.default_rng(2))
    )
figures = stdyn.layerplot.figures(histories)

# %%
# Training and test error, their difference, and the cross-entropy.
figures["errors"]

# %%
# The weights of each layer turn towards the feedback, and the updates towards those of backpropagation.
figures["angles"]
