"""Measure the training of layered networks beside PyTorch: python benchmarks/layered.py [--quick]

Both train the same networks from the same weights on the same batches, in single precision: forward, backward and step,
each on one and on two threads. They are measured in turns; a ratio is that of the better of the two of each, the median
over the turns. PyTorch gets inputs that are ready, stdyn makes them of bytes. PyTorch comes with
pip install '.[torch]', the images with $STDYN_MNIST.
"""

import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from time import perf_counter

import numpy as np
import torch

from stdyn import layered, mnist
from stdyn.layered import blas
from stdyn.layered import network as layers

QUICK = "--quick" in sys.argv[1:]
TURNS = 3 if QUICK else 7
IMAGES = 6_000 if QUICK else 20_000  # a turn, at each batch size
NETWORKS = [(784, 1000, 10), (784, 200, 80, 10), (784, 200, 200, 100, 10)]
LR = 0.01


def stdyn_steps(network, images, labels, batch, threads, rule="bp", feedback=None):
    """The steps of `epochs.train_epoch`, without its records: weights after it, and seconds."""
    W, biases = ([each.copy(order="F") for each in arrays] for arrays in (network.W, network.b))
    feedback = None if feedback is None else [np.ascontiguousarray(B, np.float32) for B in feedback]
    began = perf_counter()
    with blas.side_by_side(threads) as compute:
        for at in range(0, len(images), batch):
            h = layers.forward(W, biases, layers.inputs(images[at : at + batch], np.float32), compute)
            error, loss = layers.output_error(h[-1], labels[at : at + batch])
            if not loss.mean() < 1e3:
                raise ArithmeticError
            delta = layers.backward(h, error, *layers.way_back(W, rule, feedback))
            layers.add_step(W, biases, h, delta, LR / len(error), compute)
    return W, perf_counter() - began


def torch_model(network):
    """The same network as a PyTorch module."""
    modules = []
    for W, bias in zip(network.W, network.b, strict=True):
        linear = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(W)))
            linear.bias.copy_(torch.from_numpy(bias.copy()))
        modules += [linear, torch.nn.Tanh()]
    return torch.nn.Sequential(*modules[:-1])


def torch_steps(network, images, labels, batch, threads):
    """Backpropagation in PyTorch, on inputs that are ready: weights after it, and seconds."""
    torch.set_num_threads(threads)
    model = torch_model(network)
    optimizer, loss = torch.optim.SGD(model.parameters(), lr=LR), torch.nn.CrossEntropyLoss()
    x, y = torch.from_numpy(images.astype(np.float32) / np.float32(255)), torch.from_numpy(labels.astype(np.int64))
    began = perf_counter()
    for at in range(0, len(x), batch):
        optimizer.zero_grad()
        loss(model(x[at : at + batch]), y[at : at + batch]).backward()
        optimizer.step()
    seconds = perf_counter() - began
    return [module.weight.detach().numpy() for module in model if isinstance(module, torch.nn.Linear)], seconds


def compare(images, widths, batch):
    """A row of the table: microseconds a batch of PyTorch and of stdyn, and their ratio."""
    rng = np.random.default_rng(0)
    network = layered.random_network(widths, rng)
    data = images.train_images[:IMAGES].copy(), images.train_labels[:IMAGES]
    ways = {f"torch {n}": lambda n=n: torch_steps(network, *data, batch, n) for n in (1, 2)}
    ways |= {f"bp {n}": lambda n=n: stdyn_steps(network, *data, batch, n) for n in (1, 2)}
    for rule in ("fa", "dfa"):
        B = layered.random_feedback(widths, rule, rng)
        ways[rule] = lambda rule=rule, B=B: stdyn_steps(network, *data, batch, 2, rule, B)
    ends = {name: way()[0] for name, way in ways.items()}  # warm, too
    off = max(np.abs(one - other).max() for one, other in zip(ends["bp 1"], ends["torch 1"], strict=True))
    assert off < 1e-3, f"stdyn and PyTorch do not train the same network: weights differ by {off}"
    assert all(np.array_equal(*both) for both in zip(ends["bp 1"], ends["bp 2"], strict=True))
    seconds = np.array([[way()[1] for way in ways.values()] for _ in range(TURNS)])
    each = np.median(seconds, axis=0) / (IMAGES / batch) * 1e6
    ratio = np.median(seconds[:, :2].min(axis=1) / seconds[:, 2:4].min(axis=1))
    cells = " | ".join(f"{time:.0f}" for time in each)
    print(f"| {'-'.join(map(str, widths))} | {batch} | {cells} | {ratio:.2f}× |", flush=True)


def memory():
    """Peak memory of a process that trains 784-1000-10 for an epoch, in MB."""
    code = (
        "import numpy as np; from stdyn import layered, mnist; images = mnist.load();"
        "network = layered.random_network((784, 1000, 10), np.random.default_rng(0));"
        "B = layered.random_feedback(network.widths, 'fa', np.random.default_rng(1));"
        "layered.train(network, images, 'fa', B, epochs=1, lr=0.01, rng=np.random.default_rng(2));"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) / 1024


HEAD = (
    "| network | batch | PyTorch, 1 thread | 2 threads | stdyn, BP, 1 thread | 2 threads | FA | DFA | PyTorch / stdyn |"
)


def main():
    images = mnist.load()
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "torch", "stdyn"))
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    python = f"Python {platform.python_version()}"
    print(f"{machine}; load {os.getloadavg()[0]:.1f} before; {python}, {versions}; {date.today()}")
    print(f"\n{HEAD}\n|{'---|' * 9}")
    for widths in NETWORKS:
        for batch in (10, 100):
            compare(images, widths, batch)
    began = perf_counter()
    network = layered.random_network((784, 1000, 10), np.random.default_rng(0))
    layered.train(network, images, "bp", epochs=1, lr=LR, rng=np.random.default_rng(1))
    seconds = perf_counter() - began
    print(f"\nA whole epoch of 784-1000-10, batches of 10, errors and losses before and after: {seconds:.1f} s")
    print(f"Peak memory of a process that trains it: {memory():.0f} MB (goal: below 1000)")


if __name__ == "__main__":
    main()
