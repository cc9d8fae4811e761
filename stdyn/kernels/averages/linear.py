"""Linear units: sums over the covariance itself."""

import numpy as np

from stdyn.kernels.algebra import overlaps, transposed
from stdyn.kernels.compile import compiled

ANALYTIC = True


@compiled
def averages(p, C, seen, u, b):
    """G = beta seen, H = beta C beta^T + sigma^2 b b^T and h = C u of the students, with beta = b u^T."""
    K = b.shape[0]
    beta = overlaps(b, u)
    G = overlaps(beta, transposed(seen))
    H = np.zeros((K, K))
    if p.square > 0:
        H = overlaps(overlaps(beta, C), beta) + p.sigma**2 * overlaps(b, b)
    h = overlaps(C[:K], u.T)
    return G, H, h
