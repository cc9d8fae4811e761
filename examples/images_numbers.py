"""The numbers that figures/README.md and docs/inputs.md give of MNIST as inputs: python examples/images_numbers.py

What the spectrum and the directions of the training images are, and what groups of eigenvalues make of the theory.
"""

import numpy as np

import stdyn

ALPHAS = np.append(0, np.geomspace(0.1, 84, 30))


def directions(X):
    """Lines on the spectrum and on how far single directions, and lengths, are from Gaussian ones."""
    omega = X.var(axis=0)
    kurtosis = (X**4).mean(axis=0) / omega**2
    lengths = (X**2).mean(axis=1)
    ends = f"{omega.max():.3g} to {omega.min():.3g}"
    yield f"{len(omega)} directions vary; eigenvalues {ends}, median {np.median(omega):.2g}"
    yield f"(sum omega)^2 / sum omega^2 = {omega.sum() ** 2 / (omega**2).sum():.3g}"
    yield f"|xi|^2 / N = {lengths.mean():.3g}, standard deviation {lengths.std():.2g}"
    yield "kurtosis: " + ", ".join(f"{kurtosis[j - 1]:.2g} at the eigenvalue {j}" for j in (1, 2, 3, 300, 500))


def of_groups(X):
    """Lines on the largest change of eps_g by groups, K = M = 2, eta = eta_v = 0.2, to alpha = 84."""
    W, W_teacher = np.random.default_rng(1).standard_normal((2, 2, X.shape[1])) / X.shape[1] ** 0.5

    def eps_g(inputs):
        start = stdyn.initial.from_weights(W, W_teacher, v=[0.3, -0.2], inputs=inputs)
        return stdyn.integrate(stdyn.Problem(start, eta=0.2, eta_v=0.2), ALPHAS).eps_g

    exact = eps_g(stdyn.Inputs.from_data(X, groups=None))
    for bins in ("number", "variance", "log"):
        changes = {
            groups: np.abs(eps_g(stdyn.Inputs.from_data(X, groups, bins)) / exact - 1).max() for groups in (16, 32, 64)
        }
        yield f'bins="{bins}": ' + ", ".join(f"{groups} groups {change:.0%}" for groups, change in changes.items())


if __name__ == "__main__":
    images, _ = stdyn.mnist.load().principal()
    for line in (*directions(images), *of_groups(images)):
        print(line)
