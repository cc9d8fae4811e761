"""ReLU, g(x) = max(0, x) and g'(x) = theta(x), zero at x = 0: a field of zero variance contributes nothing.

Averages over two or three different fields are elementary in the angles theta_ac = asin rho_ac, rho the correlation.
Four different fields: in the plane spanned by the fields a and b, in which (a, b) has the polar coordinates (r, phi),
both are positive in the wedge -theta_ab < phi < pi/2. There c = r gamma_c(phi) + c', where c' has the covariance C'
of the fields at given a and b, and the integral over r and C' is elementary (Stein's lemma):
  I4 = (1/2 pi) int dphi J(phi),   J = int r exp(-r^2/2) dr <(r gamma_c + c')_+ (r gamma_d + d')_+>
J is positive, and every quantity in it stays bounded where C is singular: the error is that of a covariance changed
by rounding. At the boundary J only gets kinks, of known place and width, to which the panels of the quadrature adapt.
"""

from math import asinh, atan2, ceil, copysign, cos, floor, hypot, log, pi, sin, sqrt

import numpy as np

from stdyn.kernels.algebra import overlaps
from stdyn.kernels.compile import inlined, ordered

ANALYTIC = False


def _gauss_legendre(most):
    """Nodes and weights (rule, 2, most) on [-1, 1]: rule m has 4 m points, `most` at the most, then zeros."""
    rules = np.zeros((most // 4 + 1, 2, most))
    for m in range(1, most // 4 + 1):
        rules[m, :, : 4 * m] = np.polynomial.legendre.leggauss(4 * m)
    return rules


_POINTS = 32


_DIGITS = 17.0


_RULES = _gauss_legendre(_POINTS)


_PARALLEL = 4e-16  # below, 1 - rho^2 is rounding of the overlaps: the fields are parallel


@inlined
def _exact_product(x, y):
    """x y as the sum of a rounded product and its error (Veltkamp and Dekker, Numer. Math. 18, 224 (1971))."""
    big_x, big_y = 134217729.0 * x, 134217729.0 * y  # 2^27 + 1 halves the 53 bits
    high_x, high_y = big_x - (big_x - x), big_y - (big_y - y)
    low_x, low_y = x - high_x, y - high_y
    product = x * y
    return product, low_x * low_y - (((product - high_x * high_y) - low_x * high_y) - high_x * low_y)


@inlined
def _root_minor(x, y, c):
    """sqrt(x y - c^2) without cancellation; zero if rounding has left a covariance with a negative minor."""
    product, error = _exact_product(x, y)
    square, square_error = _exact_product(c, c)
    return sqrt(max(0.0, (product - square) + (error - square_error)))


@ordered
def _angles(C):
    """Standard deviations (P,) of the fields; sine = rho, cosine and theta = asin rho of all pairs, each (P, P).

    Of a field of zero variance the three are zero.
    """
    P = C.shape[0]
    scale = np.empty(P)
    sine, cosine, theta = np.zeros((P, P)), np.zeros((P, P)), np.zeros((P, P))
    for a in range(P):
        scale[a] = sqrt(max(0.0, C[a, a]))
        for c in range(a + 1):
            norm = scale[a] * scale[c]
            if norm > 0:
                root = _root_minor(C[a, a], C[c, c], C[a, c])
                sine[a, c] = sine[c, a] = C[a, c] / norm
                cosine[a, c] = cosine[c, a] = root / norm
                theta[a, c] = theta[c, a] = atan2(C[a, c], root)
    return scale, sine, cosine, theta


@ordered
def _G_relu(C, seen, beta):
    """G_ij = sum_a beta_ia I3(i, j, a), I3 = C_ij sqrt(C_ii C_aa - C_ia^2)/(2 pi C_ii) + C_aj (1/4 + theta_ia/2 pi).

    C_ij and C_aj are those of y_j with the fields: `seen`.
    """
    (K, P), Y = beta.shape, seen.shape[1]
    scale, _, cosine, theta = _angles(C)
    G = np.zeros((K, Y))
    for i in range(K):
        if scale[i] == 0:
            continue
        along_i = 0.0
        for a in range(P):
            along_i += beta[i, a] * scale[a] * cosine[i, a] / (2 * pi * scale[i])
            gamma = beta[i, a] * (0.25 + theta[i, a] / (2 * pi))
            for j in range(Y):
                G[i, j] += gamma * seen[a, j]
        for j in range(Y):
            G[i, j] += along_i * seen[i, j]
    return G


@ordered
def _h_relu(C, u, K):
    """h_io = sum_a u_ao I2(i, a), I2 = sqrt(C_ii C_aa) [cos theta + sin theta (pi/2 + theta)]/(2 pi), theta_ia."""
    P, O = u.shape
    scale, sine, cosine, theta = _angles(C)
    h = np.zeros((K, O))
    for i in range(K):
        for a in range(P):
            I2 = scale[i] * scale[a] * (cosine[i, a] + sine[i, a] * (0.5 * pi + theta[i, a])) / (2 * pi)
            for o in range(O):
                h[i, o] += u[a, o] * I2
    return h


@ordered
def _one_step(angles, b, c, d):
    """<theta(b) c_+ d_+>, to which I4 comes down where fields coincide, from Stein's lemma; c = d is allowed."""
    scale, sine, cosine, theta = angles
    orthant = 0.125 + (theta[b, c] + theta[b, d] + theta[c, d]) / (4 * pi)
    edges = cosine[c, d] + sine[b, d] * cosine[b, c] + sine[b, c] * cosine[b, d]
    return scale[c] * scale[d] * (sine[c, d] * orthant + edges / (4 * pi))


@ordered
def _square(angles, a, b, c):
    """<theta(a) theta(b) c_+^2>; with (rho_ac, m) the components of c in the plane of a and b, |m| <= 1."""
    scale, sine, cosine, theta = angles
    orthant = 0.125 + (theta[a, b] + theta[a, c] + theta[b, c]) / (4 * pi)
    edges = sine[a, c] * cosine[a, c] + sine[b, c] * cosine[b, c]
    if cosine[a, b] > 0:
        m = min(max((sine[b, c] - sine[a, b] * sine[a, c]) / cosine[a, b], -1.0), 1.0)
        edges += cosine[a, b] * (sine[a, b] * (sine[a, c] ** 2 - m * m) + 2 * cosine[a, b] * sine[a, c] * m)
    return scale[c] ** 2 * (orthant + edges / (4 * pi))


@ordered
def _given(C, angles, a, b):
    """Of all fields, (3, P): the component along a, the covariance with what b has across a, the variance given a."""
    scale, sine, _, _ = angles
    P = C.shape[0]
    x = np.empty((3, P))
    for c in range(P):
        x[0, c] = C[a, c] / scale[a]
        x[1, c] = C[b, c] / scale[b] - sine[a, b] * x[0, c]
        x[2, c] = C[c, c] - x[0, c] ** 2
    return x


@ordered
def _lifted(n_c, n_d, S_cc, S_dd, S_cd, square):
    """S - n n^T/square as (variance of c, of d, covariance), and what its variances lack to be of a covariance."""
    inverse = 1 / square if square > 0 else 0.0
    variance_c, variance_d = S_cc - n_c * n_c * inverse, S_dd - n_d * n_d * inverse
    kappa = S_cd - n_c * n_d * inverse
    mean, gap = 0.5 * (variance_c + variance_d), hypot(0.5 * (variance_c - variance_d), kappa)
    minor = variance_c * variance_d - kappa**2
    lift = gap - mean if mean <= 0 else max(0.0, -minor / (mean + gap))
    return variance_c, variance_d, kappa, lift


@ordered
def _in_plane(n_c, n_d, S_cc, S_dd, S_cd, across):
    """(c2, d2, sigma_c, sigma_d, rho, across): c and d across a in the plane of a and b, and what is outside of it.

    (n_c, n_d) are their covariances with what b has across a, of variance across^2, and S is their covariance given a.
    Rounding may have left S - n n^T/across^2 a negative eigenvalue. Then across^2 is raised, to n^T S^-1 n or less, and
    both variances by the eigenvalue that is left, if this is less in all. Either is a change of C by a rounding error,
    while to cut a component or a correlation to its bounds would be one by the root of it.
    """
    square = across**2
    if square < _PARALLEL:
        n_c = n_d = square = 0.0
    variance_c, variance_d, kappa, lift = _lifted(n_c, n_d, S_cc, S_dd, S_cd, square)
    if lift > 0 and square > 0:
        minor = S_cc * S_dd - S_cd * S_cd
        full = (n_c * (n_c * S_dd - n_d * S_cd) + n_d * (n_d * S_cc - n_c * S_cd)) / minor if minor > 0 else 0.0
        only_c, only_d = n_c**2 / S_cc if S_cc > 0 else 0.0, n_d**2 / S_dd if S_dd > 0 else 0.0
        start, least = square, lift
        for raised in (only_c, only_d, full):
            if start < raised < start + least:
                trial = _lifted(n_c, n_d, S_cc, S_dd, S_cd, raised)
                if raised - start + trial[3] < least:
                    least, square = raised - start + trial[3], raised
                    variance_c, variance_d, kappa, lift = trial
    sigma_c, sigma_d = sqrt(max(0.0, variance_c + lift)), sqrt(max(0.0, variance_d + lift))
    norm, across = sigma_c * sigma_d, sqrt(square)
    rho = min(max(kappa / norm, -1.0), 1.0) if norm > 0 else 0.0
    return n_c / across if across > 0 else 0.0, n_d / across if across > 0 else 0.0, sigma_c, sigma_d, rho, across


@ordered
def _kinks(c1, c2, sigma_c, d1, d2, sigma_d, rho):
    """Where J is singular: (phi, width), at phi + i width modulo pi, of each of var c, var d and det cov(c, d).

    At angle phi these are gamma_c^2 + sigma_c^2, with gamma_c = c1 cos phi + c2 sin phi, the same of d, and
    sigma_c^2 sigma_d^2 (1 - rho^2) + |gamma_c d' - gamma_d c'|^2 = mean - half cos 2 (phi - place).
    """
    kappa = rho * sigma_c * sigma_d
    n11 = (c1 * sigma_d) ** 2 - 2 * c1 * d1 * kappa + (d1 * sigma_c) ** 2
    n22 = (c2 * sigma_d) ** 2 - 2 * c2 * d2 * kappa + (d2 * sigma_c) ** 2
    n12 = c1 * c2 * sigma_d**2 - (c1 * d2 + c2 * d1) * kappa + d1 * d2 * sigma_c**2
    mean = 0.5 * (n11 + n22) + (sigma_c * sigma_d) ** 2 * (1 - rho) * (1 + rho)
    half = hypot(0.5 * (n11 - n22), n12)
    width = np.inf if half == 0 else asinh(sqrt(max(0.0, mean - half) / (2 * half)))
    return (
        (-atan2(c1, c2), asinh(sigma_c / hypot(c1, c2))),
        (-atan2(d1, d2), asinh(sigma_d / hypot(d1, d2))),
        (0.5 * atan2(-n12, 0.5 * (n22 - n11)), width),
    )


@ordered
def _nearest(middle, half, kinks):
    """The singularity nearest to a panel: its real part in half-lengths, and the rho of its Bernstein ellipse."""
    nearest, axes = 0.0, np.inf
    for place, width in kinks:
        offset = place - middle
        u, w = (offset - pi * floor(offset / pi + 0.5)) / half, width / half
        sum_of_axes = 0.5 * (hypot(u - 1, w) + hypot(u + 1, w))
        if sum_of_axes < axes:
            nearest, axes = u, sum_of_axes
    return nearest, axes + sqrt(max(0.0, axes * axes - 1))


@ordered
def _panel(middle, half, points, c1, c2, sigma_c, d1, d2, sigma_d, rho):
    """The integral of J over middle ± half, without its constant term, by the Gauss-Legendre rule of `points` points.

    J = 2 gamma_c gamma_d L_r + [gamma_d (2 gamma_c^2 + sigma_c^2) + gamma_c C'_cd] L_c / s_c + (c <-> d) + I2(C'):
    L_c = <theta(r) theta(d) | c = 0>, s_c^2 = gamma_c^2 + sigma_c^2, rho the correlation of c' and d'. Where d is all
    but c or -c, the tangents of L_c and L_d must have the same rounding error to cancel: that of `gap`.
    """
    kappa, root = rho * sigma_c * sigma_d, sqrt((1 - rho) * (1 + rho))
    sign = copysign(1.0, rho)
    # The angles know of the ratio sigma_c : sigma_d only; where both vanish any ratio gives the same J.
    part_c, part_d = (sigma_c, sigma_d) if sigma_c + sigma_d > 0 else (1.0, 1.0)
    gap1, gap2 = d1 * part_c - sign * c1 * part_d, d2 * part_c - sign * c2 * part_d
    L_r = 0.25 + atan2(rho, root) / (2 * pi)
    rule = _RULES[points // 4]
    total = 0.0
    for m in range(points):
        phi = middle + half * rule[0, m]
        cosine, sine = cos(phi), sin(phi)
        gamma_c, gamma_d = c1 * cosine + c2 * sine, d1 * cosine + d2 * sine
        s_c, s_d = sqrt(gamma_c**2 + sigma_c**2), sqrt(gamma_d**2 + sigma_d**2)
        gap = gap1 * cosine + gap2 * sine
        L_c = 0.25 + atan2((sign - rho) * part_d * gamma_c + gap, s_c * part_d * root) / (2 * pi)
        L_d = 0.25 + atan2((sign - rho) * part_c * gamma_d - sign * gap, s_d * part_c * root) / (2 * pi)
        J = 2 * gamma_c * gamma_d * L_r
        J += (gamma_d * (gamma_c**2 + s_c**2) + gamma_c * kappa) * L_c / s_c
        J += (gamma_c * (gamma_d**2 + s_d**2) + gamma_d * kappa) * L_d / s_d
        total += rule[1, m] * J
    return half * total


@ordered
def _wedge(c1, c2, sigma_c, d1, d2, sigma_d, rho, theta_ab):
    """<theta(a) theta(b) c_+ d_+> = (1/2 pi) int J dphi over -theta_ab < phi < pi/2.

    The n-point rule is in error by h^2 rho^(-2n) on a panel of half-length h: rho belongs to the ellipse through the
    nearest singularity, and a kink cannot be worth more than h^2. A panel that would need too many points is cut.
    """
    fields = (c1, c2, sigma_c, d1, d2, sigma_d, rho)
    kinks = _kinks(*fields)
    ends = np.empty(64)
    ends[0], ends[1] = 0.5 * pi, -theta_ab
    top, total = 1, 0.0
    root = sqrt((1 - rho) * (1 + rho))
    I2 = sigma_c * sigma_d * (root + rho * (0.5 * pi + atan2(rho, root))) / (2 * pi)
    while top > 0:
        half, middle = 0.5 * (ends[top - 1] - ends[top]), 0.5 * (ends[top - 1] + ends[top])
        if half <= 0:
            top -= 1
            continue
        nearest, ellipse = _nearest(middle, half, kinks)
        needed = (_DIGITS + log(half)) / log(ellipse)
        if needed > _POINTS and top < 63:
            ends[top + 1] = ends[top]
            ends[top] = middle + half * (nearest if abs(nearest) < 0.9 else copysign(0.6, nearest))
            top += 1
        else:
            total += _panel(middle, half, min(max(4, 4 * ceil(needed / 4)), _POINTS), *fields)
            top -= 1
    return (total + I2 * (0.5 * pi + theta_ab)) / (2 * pi)


@ordered
def _I4_relu(C, angles, a, b, I4):
    """Fill the symmetric I4 (P, P) with <theta(a) theta(b) c_+ d_+> for all c and d; the fields may coincide."""
    scale, sine, cosine, _ = angles
    P = C.shape[0]
    if scale[a] * scale[b] == 0:
        I4[:] = 0
        return
    x = _given(C, angles, a, b)
    for c in range(P):
        for d in range(c + 1):
            if scale[c] * scale[d] == 0:
                value = 0.0
            elif a == b or c == a or d == a:
                value = _one_step(angles, b, c, d)
            elif c == b or d == b:
                value = _one_step(angles, a, c, d)
            elif c == d:
                value = _square(angles, a, b, c)
            else:
                S_cd = C[c, d] - x[0, c] * x[0, d]
                rest = _in_plane(x[1, c], x[1, d], x[2, c], x[2, d], S_cd, cosine[a, b])
                c2, d2, sigma_c, sigma_d, rho, across = rest
                value = _wedge(x[0, c], c2, sigma_c, x[0, d], d2, sigma_d, rho, atan2(sine[a, b], across))
            I4[c, d] = I4[d, c] = value


@ordered
def I4_relu(C):
    """<theta(z_a) theta(z_b) g(z_c) g(z_d)>, shape (P, P, P, P), of ReLU fields of covariance C (P, P)."""
    P = C.shape[0]
    angles = _angles(C)
    I4 = np.empty((P, P, P, P))
    for a in range(P):
        for b in range(a + 1):
            _I4_relu(C, angles, a, b, I4[a, b])
            I4[b, a] = I4[a, b]
    return I4


@ordered
def _H_relu(C, beta, bb, sigma):
    """H_ik = sum_ac beta_ia beta_kc I4(i, k, a, c) + sigma^2 b_i.b_k J2(i, k), J2 = 1/4 + theta_ik/2 pi."""
    K, P = beta.shape
    angles = _angles(C)
    scale, _, _, theta = angles
    H, I4 = np.zeros((K, K)), np.empty((P, P))
    for i in range(K):
        for k in range(i + 1):
            if scale[i] * scale[k] > 0:
                _I4_relu(C, angles, i, k, I4)
                total = sigma**2 * bb[i, k] * (0.25 + theta[i, k] / (2 * pi))
                for a in range(P):
                    for c in range(P):
                        total += beta[i, a] * beta[k, c] * I4[a, c]
                H[i, k] = H[k, i] = total
    return H


@ordered
def averages(p, C, seen, u, b):
    """(G, H, h) of units g(x) = max(0, x)."""
    beta = overlaps(b, u)
    G, H, h = _G_relu(C, seen, beta), np.zeros((len(b), len(b))), _h_relu(C, u, b.shape[0])
    if p.square > 0:
        H = _H_relu(C, beta, overlaps(b, b), p.sigma)
    return G, H, h
