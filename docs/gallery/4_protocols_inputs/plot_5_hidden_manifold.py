"""
A hidden manifold: theory against networks on inputs that are not Gaussian
==========================================================================

Inputs erf(F c) of a latent c of 200 dimensions, on which the teacher acts. The theory knows their spectrum only.
Networks learn from the true inputs, and their error is measured on other ones.
"""

import math

import numpy as np

import stdyn

N, D = 600, 200
erf = stdyn.activation(math.erf, lambda z: 2 / math.sqrt(math.pi) * math.exp(-(z**2)), "erf(z)")
rng = np.random.default_rng(1)
inputs = stdyn.Inputs.hidden_manifold(erf, latent=D, N=N, groups=17, rng=rng)
theta = np.linalg.qr(rng.standard_normal((D, 2)))[0].T
W_teacher, T_hidden = inputs.manifold.teacher(theta, inputs)
W = np.sqrt(0.25 / N) * rng.standard_normal((2, N))
start = stdyn.initial.from_weights(W, W_teacher, v=[1.0, 1.0], inputs=inputs, T_hidden=T_hidden)
problem = stdyn.Problem(start, N=N, eta=0.4, eta_v=0.0)

# %%
# Every run sees 40 N of the examples; the test set has 5000.
alphas = np.concatenate([[0], np.geomspace(0.1, 40, 25).round(3)])
X, c = inputs.manifold.examples(40 * N + 1, rng)
X_test, c_test = inputs.manifold.examples(5000, rng)
theory = stdyn.integrate(problem, alphas)
data = {"examples": X, "teacher_fields": c @ theta.T, "test": (X_test, c_test @ theta.T)}
runs = stdyn.simulate_network(problem, alphas, runs=4, rng=2, weights=(W, W_teacher), **data)
gaussian = stdyn.simulate_reduced(problem, alphas, runs=32, rng=3)

# %%
# The error of the overlaps is that which networks with the same overlaps would have on Gaussian inputs. Both stay
# within 3 % of the theory.
stdyn.inputplot.examples_figure([("BP, v fixed", theory, runs, gaussian)])

# %%
# The same in numbers, at the last alpha.
for name, values in (("test", runs.eps_g_test), ("of overlaps", runs.eps_g), ("Gaussian", gaussian.eps_g)):
    last = values[:, -1]
    print(f"{name}: {last.mean():.4f} ± {last.std(ddof=1) / len(last) ** 0.5:.4f}, theory {theory.eps_g[-1]:.4f}")
