"""Every compiled function: pure functions on arrays, in the symbols of docs/theory.md, a file a subject.

Fields are numbered a = 0 … K+M-1, the K students first; C is their covariance, u = [v; -v_teacher] their (K+M, O)
output weights. May import: nothing of stdyn. The only importers of numba.
"""

from stdyn.kernels.compile import Stopwatch, compile_silently

__all__ = ["Stopwatch", "compile_silently"]
