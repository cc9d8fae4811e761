"""The views: what each draws is what NumPy makes of `integrate`, for every kind of problem, or it says why not."""

import json
import re
from urllib.parse import quote

import numpy as np
import pytest
import textbook

import stdyn
from stdyn.explorer.state import wanted

QUICK = {"K": 2, "M": 2, "alpha_max": 60.0, "points": 41, "runs": 0}
KINKS = QUICK | {"activation": "relu", "activation_teacher": "erf", "quadrature": 2048, "alpha_max": 1.0, "points": 5}
TASKS = QUICK | {"M": 4, "K": 3, "outputs": 2, "tasks": {"similarity": 0.5, "at": [0, 30], "heads": 2}}
STATES = {
    "as usual": QUICK | {"K": 3, "M": 3},
    "one unit": QUICK | {"K": 1, "M": 1},
    "three outputs": QUICK | {"outputs": 3},
    "tasks with heads": TASKS,
    "tasks of one head": TASKS | {"outputs": 1, "tasks": {"similarity": 0.5, "at": [0, 30]}},
    "inputs by groups": QUICK | {"inputs": {"kind": "power_law", "exponent": 1, "groups": 2}},
    "all rules": QUICK | {"rules": ["fa", "bp", "kp", "mixed"], "mixture": 0.5},
    "backpropagation only": QUICK | {"rules": ["bp"]},
    "a teacher of its own": KINKS,
    "linear alphas": QUICK | {"spacing": "linear", "eta": {"kind": "hyperbolic", "value": 1, "scale": 50}},
    "diverges at once": QUICK | {"activation": "linear", "eta": 5.0, "eta_v": 0.0, "v": [2, 2]},
    "parallel teachers": QUICK | {"R": [[0, 0], [0, 0]], "Q": [[1, 0], [0, 1]], "T": [[1, 2], [2, 4]]},
    "many units": QUICK | {"K": 12, "M": 12, "alpha_max": 5.0, "rules": ["bp"]},
}
VIEWS = ("R", "Q", "v", "F", "tasks", "plane", "graph", "spectrum")
DRAWN = """() => {
    const all = (selector) => [...document.querySelectorAll(`.view ${selector}`)];
    const pictures = all('svg:not([hidden])').filter(({ children }) => children.length > 3);
    return pictures.length + all('figure').filter(({ panel }) => panel.lines.length).length;
}"""
UNITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def look(shown, address, state, view, **seen):
    """Have the page show a state and a view, by a link."""
    said = {**state, "view": view, **{f"view.{name}": value for name, value in seen.items()}}
    shown.page.goto(f"{address}#{'&'.join(f'{name}={quote(json.dumps(value))}' for name, value in said.items())}")
    shown.until("e => e.drawn > 0")
    shown.settled()


def solved(state, rule="fa"):
    """The solution of a state."""
    found = wanted(state)
    of = found.experiment
    return stdyn.integrate(found.problem(rule), of.alphas(), of.ode_method, of.rtol, error=False)


def panels(shown):
    """Every panel of the view: {title: {label of a line: numbers}}, with its alphas as "alpha"."""
    drawn = shown.page.evaluate(
        "() => [...document.querySelectorAll('.view figure')].map(({ panel }) => [panel.heading.textContent,"
        " [['alpha', panel.plot.data[0]], ...panel.lines.map(({ label }, j) => [label, panel.plot.data[j + 1]])]])"
    )
    return {title: {label: np.array(list(values), dtype=float) for label, values in lines} for title, lines in drawn}


def assert_lines(lines, theory, expected):
    """Lines are these numbers (A, n), at all alphas that a logarithmic axis has."""
    there = theory.alphas > 0
    np.testing.assert_array_equal(lines["alpha"], theory.alphas[there])
    found = np.array([values for label, values in lines.items() if label != "alpha"]).T
    np.testing.assert_allclose(found, expected[there], rtol=1e-12, atol=1e-14)


def eps_g_of(theory, v_teacher, weights):
    """eps_g of erf by the arcsine of Saad and Solla, of a task with this second layer (M, O) and weights (O,)."""
    found = []
    for R, Q, v in zip(theory.R, theory.Q, theory.v.reshape(*theory.R.shape[:2], -1), strict=True):
        C = np.block([[Q, R], [R.T, theory.T]])
        size = np.sqrt(1 + np.diag(C))
        u = np.vstack([v, -v_teacher])
        found.append(weights @ np.einsum("io,ij,jo->o", u, 2 / np.pi * np.arcsin(C / np.outer(size, size)), u) / 2)
    return np.array(found)


def test_every_view_draws_or_says_why_not(shown, address):
    """Of every kind of problem; nothing is written to the console."""
    for name, state in STATES.items():
        look(shown, address, state, "R")
        for view in VIEWS:
            tab = shown.page.locator(f".tabs button[name='{view}']")
            if tab.is_hidden():
                assert (view, "tasks" in state) == ("tasks", False), name
                continue
            tab.click()
            shown.until("() => !/are computed …/.test(document.querySelector('.view').innerText)")
            drawn = shown.page.evaluate(DRAWN)
            said = shown.page.locator(".view").inner_text()
            assert drawn or re.search(r"no F|needs two teacher|There is no|No α", said), f"{name}, {view}: {said}"


def test_lines_are_the_entries_that_their_names_say(shown, address):
    """R₁₂ is R_12 of the rule in the title; twelve units have a comma between them."""
    state = QUICK | {"K": 12, "M": 3, "outputs": 2, "alpha_max": 5.0}
    look(shown, address, state, "R")
    for name, count in (("R", 36), ("Q", 78), ("v", 24)):
        shown.page.locator(f".tabs button[name='{name}']").click()
        for rule in ("fa", "bp"):
            theory, lines = solved(state, rule), panels(shown)[f"{name} of {rule.upper()}"]
            array, expected = getattr(theory, name), []
            for label in list(lines)[1:]:
                indices = label.removeprefix(name).translate(UNITS)
                i, n = map(int, indices.split(",") if "," in indices else indices)
                expected.append(array[:, i - 1, n - 1])
            assert len(lines) - 1 == count
            assert_lines(lines, theory, np.transpose(expected))


def test_F_is_the_overlap_of_v_and_b(shown, address):
    """Summed over units, of all outputs and of each; the alignment of each is its cosine."""
    state = QUICK | {"outputs": 3, "b_angle": 70.0}
    look(shown, address, state, "F")
    theory, found = solved(state), panels(shown)
    v, b = theory.v, np.broadcast_to(theory.problem.b, theory.v.shape)
    F = np.einsum("aio,aio->ao", v, b)
    assert_lines(found["F = v·b"], theory, F.sum(axis=1, keepdims=True))
    assert_lines(found["F of each output, FA"], theory, F)
    cosine = F / np.linalg.norm(v, axis=1) / np.linalg.norm(b, axis=1)
    assert_lines(found["alignment of each output, FA"], theory, cosine)
    assert "BP has no feedback weights" in shown.page.locator(".view").inner_text()


def test_the_error_of_each_task_is_drawn(shown, address):
    """By the arcsine, with what a task's teacher and outputs are; the other task's line is another one."""
    look(shown, address, TASKS, "tasks")
    for rule in ("fa", "bp"):
        theory = solved(TASKS, rule)
        tasks = theory.problem.tasks
        each = [eps_g_of(theory, tasks.v_teacher[which], tasks.weights[which]) for which in (0, 1)]
        assert_lines(panels(shown)[f"ε_g of each task, {rule.upper()}"], theory, np.transpose(each))
    marked = shown.page.evaluate("() => document.querySelector('.view figure').panel.alphas")
    assert list(marked) == [30]


def test_students_in_the_plane_of_two_teachers_are_those_of_weights(shown, address):
    """Weights by eigenvectors of C, the plane's basis by QR; teachers are neither orthogonal nor of length 1."""
    state = QUICK | {"K": 4, "M": 3, "teacher": "random", "N": 50}
    theory = solved(state)
    look(shown, address, state, "plane", alpha=float(theory.alphas[23]))
    R, Q, T = theory.R[23], theory.Q[23], theory.T
    values, vectors = np.linalg.eigh(np.block([[Q, R], [R.T, T]]))
    weights = vectors * np.sqrt(np.maximum(values, 0))
    students, teachers = weights[:4], weights[4:]
    for pair in ([0, 1], [1, 2]):
        shown.page.locator("select[name='plane-teachers']").select_option(f"{pair[0] + 1},{pair[1] + 1}")
        basis, upper = np.linalg.qr(teachers[pair].T)
        basis = basis * np.sign(np.diag(upper))
        inside = students @ basis
        outside = np.linalg.norm(students - inside @ basis.T, axis=1)
        np.testing.assert_allclose(shown.of("e => e.plane"), np.column_stack([inside, outside]), atol=1e-7)
        dots = shown.page.evaluate(
            "() => [...document.querySelectorAll('svg.plane circle[r=\"4.5\"]')].map((each) =>"
            " [+each.getAttribute('cx'), +each.getAttribute('cy')])"
        )
        places = (np.array(dots) - 230) * [1, -1]  # from the middle, upwards
        scale = np.linalg.norm(places) / np.linalg.norm(inside)
        np.testing.assert_allclose(places, scale * inside, atol=1e-6 * scale)
    assert shown.of("e => e.seen['view.teachers']") == "2,3"


def test_cosines_are_those_of_the_moment_that_is_looked_at(shown, address):
    """Of the rule and the α of the address, then of one row further by a key; and the address says it."""
    state = QUICK | {"K": 3, "M": 2, "teacher": "graded"}
    theory = solved(state, "bp")
    look(shown, address, state, "graph", rule="bp", alpha=float(theory.alphas[17]))

    def assert_shows(position):
        size = np.sqrt(np.outer(np.diag(theory.Q[position]), np.diag(theory.T)))
        np.testing.assert_allclose(shown.of("e => e.cosines"), (theory.R[position] / size).ravel(), atol=1e-12)

    assert_shows(17)
    shown.page.locator("input[name='graph-alpha']").press("ArrowRight")
    assert_shows(18)
    assert shown.of("e => e.seen['view.alpha']") == theory.alphas[18]
    assert f"view.alpha={theory.alphas[18]:g}"[:14] in shown.page.url
    shown.page.locator(".tabs button[name='plane']").click()
    assert float(shown.page.locator("input[name='plane-alpha']").input_value()) == 18  # one moment for all views
    shown.page.locator(".tabs button[name='graph']").click()
    shown.typed("alpha_max", "20")
    closest = np.abs(solved(state | {"alpha_max": 20.0}).alphas - theory.alphas[18]).argmin()
    assert float(shown.page.locator("input[name='graph-alpha']").input_value()) == closest


def test_the_spectrum_is_that_of_the_textbook_equations(shown, address):
    """Real parts at every fourth α that came, and the words on what grows."""
    look(shown, address, QUICK, "spectrum", alpha=0.0)
    shown.until("e => e.spectrum?.done")
    theory = solved(QUICK)
    layout = theory.problem.state_layout
    states = layout.pack({name: getattr(theory, name) for name in layout.places})
    columns = shown.of("e => e.spectrum.columns.map(({ alpha, real, grows }) => [alpha, [...real], [...grows]])")
    np.testing.assert_array_equal([alpha for alpha, *_ in columns], theory.alphas)
    for (alpha, real, grows), y in list(zip(columns, states, strict=True))[::4]:
        expected = np.linalg.eigvals(textbook.jacobian(theory.problem, y, alpha)).real
        np.testing.assert_allclose(sorted(real), sorted(expected), atol=1e-6)
        if alpha == 0:
            assert sum(grows) == (expected > 1e-6).sum()
            assert (
                f"At α = 0: {sum(grows):g} of {len(real)} directions grow" in shown.page.locator(".view").inner_text()
            )


def test_a_spectrum_that_is_refused_says_so_until_there_is_one(shown, address):
    """A g with kinks by quadrature; then a smooth one."""
    look(shown, address, KINKS, "spectrum")
    shown.until(
        "() => /There is no spectrum: activation must be smooth/.test(document.querySelector('.view').innerText)"
    )
    shown.page.locator("select[name='activation']").select_option("erf")
    shown.until("e => e.spectrum?.done")
    assert "There is no" not in shown.page.locator(".view").inner_text()


def test_a_spectrum_ends_when_it_is_left(shown, address):
    """No further part comes, and it is asked for anew when it is looked at again."""
    state = QUICK | {"K": 7, "M": 7, "rules": ["bp"]}
    look(shown, address, state, "spectrum")
    shown.until("e => (e.spectrum?.columns.length ?? 0) >= 2")
    shown.page.evaluate(
        "() => { const { link } = document.querySelector('.stdyn-explorer').explorer; window.parts = 0;"
        " link.on('spectrum', () => { window.parts += 1; }); }"
    )
    shown.page.locator(".tabs button[name='R']").click()
    shown.page.wait_for_timeout(1000)
    before = shown.page.evaluate("() => window.parts")
    shown.page.wait_for_timeout(500)
    assert shown.page.evaluate("() => window.parts") == before < 41
    shown.page.locator(".tabs button[name='spectrum']").click()
    shown.until("(e, before) => e.spectrum?.columns.length > 0 && window.parts > before", before)


def test_a_line_that_is_pointed_at_says_what_it_is(shown, address):
    """By the pointer, which is moved to a line of R; and by keys, along it and to the next."""
    look(shown, address, QUICK, "R")
    theory = solved(QUICK)
    first = shown.page.locator(".view figure").first
    position = 20
    box = first.locator(".u-over").bounding_box()
    left, top = shown.page.evaluate(
        "([line, at]) => { const { plot } = document.querySelector('.view figure').panel;"
        " return [plot.valToPos(plot.data[0][at], 'x'), plot.valToPos(plot.data[line][at], 'y')]; }",
        [1, position],
    )
    shown.page.mouse.move(box["x"] + left, box["y"] + top)
    row = position + 1  # α = 0 is not on a logarithmic axis

    def reads():
        said = first.locator(".readout").inner_text().replace("−", "-")
        label, value, alpha = re.fullmatch(r"(\S+) = (\S+) at α = (\S+)", said).groups()
        return label, float(value), float(alpha)

    label, value, alpha = reads()
    assert label == "R₁₁"
    assert value == pytest.approx(theory.R[row, 0, 0], rel=6e-3)
    assert alpha == pytest.approx(theory.alphas[row], rel=6e-3)
    first.locator(".place").focus()
    first.locator(".place").press("ArrowRight")
    assert reads()[2] == pytest.approx(theory.alphas[row + 1], rel=6e-3)
    first.locator(".place").press("ArrowDown")
    assert reads()[0] == "R₁₂"
    assert reads()[1] == pytest.approx(theory.R[row + 1, 0, 1], rel=6e-3)
