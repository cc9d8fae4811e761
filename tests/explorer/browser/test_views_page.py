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
KINKS = QUICK | {"activation": "relu", "activation_teacher": "erf", "quadrature": 2048, "alpha_max": 0.2, "points": 4}
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
    "many units": QUICK | {"K": 11, "M": 8, "alpha_max": 5.0, "rules": ["bp"]},
}
VIEWS = ("R", "Q", "v", "F", "tasks", "plane", "graph", "scan", "spectrum")
THROUGH = """async (views) => {
    const all = (selector) => [...document.querySelectorAll(`.view ${selector}`)];
    const found = [];
    for (const view of views) {
        const tab = document.querySelector(`.tabs button[name='${view}']`);
        if (tab.hidden) continue;
        tab.click();
        const waits = () => /are computed …/.test(document.querySelector('.view').innerText);
        while (waits()) await new Promise(requestAnimationFrame);
        const pictures = all('svg:not([hidden])').filter(({ children }) => children.length > 3);
        const drawn = pictures.length + all('figure').filter(({ panel }) => panel.lines.length).length;
        found.push([view, drawn, document.querySelector('.view').innerText]);
    }
    return found;
}"""
UNITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def look(still, address, state, view, **seen):
    """Have the page show a state and a view, by a link."""
    said = {**state, "view": view, **{f"view.{name}": value for name, value in seen.items()}}
    still.page.goto(f"{address}#{'&'.join(f'{name}={quote(json.dumps(value))}' for name, value in said.items())}")
    still.until("e => e.drawn > 0")
    still.settled()


def solved(state, rule="fa"):
    """The solution of a state."""
    found = wanted(state)
    of = found.experiment
    return stdyn.integrate(found.problem(rule), of.alphas(), of.ode_method, of.rtol, error=False)


def panels(still):
    """Every panel of the view: {title: {label of a line: numbers}}, with its alphas as "alpha"; ε_g is written εg."""
    drawn = still.page.evaluate(
        "() => [...document.querySelectorAll('.view figure')].map(({ panel: { heading, lines, plot } }) => ["
        "heading.textContent.replace('_', ''),"
        " [['alpha', plot.data[0]], ...lines.map(({ label }, j) => [label, plot.data[j + 1]])]])"
    )
    return {title: {label: np.array(list(values), dtype=float) for label, values in lines} for title, lines in drawn}


def assert_lines(lines, theory, expected):
    """Lines are these numbers (A, n), at all alphas that a logarithmic axis has."""
    there = theory.alphas > 0
    np.testing.assert_array_equal(lines["alpha"], theory.alphas[there])
    found = np.array([values for label, values in lines.items() if label != "alpha"]).T
    np.testing.assert_allclose(found, expected[there], rtol=1e-10, atol=1e-13)


def eps_g_of(theory, v_teacher, weights):
    """eps_g of erf by the arcsine of Saad and Solla, of a task with this second layer (M, O) and weights (O,)."""
    found = []
    for R, Q, v in zip(theory.R, theory.Q, theory.v.reshape(*theory.R.shape[:2], -1), strict=True):
        C = np.block([[Q, R], [R.T, theory.T]])
        size = np.sqrt(1 + np.diag(C))
        u = np.vstack([v, -v_teacher])
        found.append(weights @ np.einsum("io,ij,jo->o", u, 2 / np.pi * np.arcsin(C / np.outer(size, size)), u) / 2)
    return np.array(found)


def test_every_view_draws_or_says_why_not(still, address):
    """Of every kind of problem; nothing is written to the console. No tab is there for what there is nothing of."""
    for name, state in STATES.items():
        look(still, address, state, "R")
        found = {view: (drawn, said) for view, drawn, said in still.page.evaluate(THROUGH, list(VIEWS))}
        assert set(VIEWS) - set(found) == ({"scan"} if "tasks" in state else {"scan", "tasks"}), name
        for view, (drawn, said) in found.items():
            assert drawn or re.search(r"no F|needs two teacher|There is no|No α", said), f"{name}, {view}: {said}"


def test_lines_are_the_entries_that_their_names_say(still, address):
    """R₁₂ is R_12 of the rule in the title; twelve units have a comma between them."""
    state = QUICK | {"K": 12, "M": 3, "outputs": 2, "alpha_max": 5.0}
    look(still, address, state, "R")
    for name, count in (("R", 36), ("Q", 78), ("v", 24)):
        still.page.locator(f".tabs button[name='{name}']").click()
        for rule in ("fa", "bp"):
            theory, lines = solved(state, rule), panels(still)[f"{name} of {rule.upper()}"]
            array, expected = getattr(theory, name), []
            for label in list(lines)[1:]:
                indices = label.removeprefix(name).translate(UNITS)
                i, n = map(int, indices.split(",") if "," in indices else indices)
                expected.append(array[:, i - 1, n - 1])
            assert len(lines) - 1 == count
            assert_lines(lines, theory, np.transpose(expected))


def test_F_is_the_overlap_of_v_and_b(still, address):
    """Summed over units, of all outputs and of each; the alignment of each is its cosine. The b of KP decays to v."""
    state = QUICK | {"outputs": 3, "b_angle": 70.0, "rules": ["fa", "bp", "kp"], "decay_v": 0.02}
    look(still, address, state, "F")
    found = panels(still)
    summed = found["F = v·b"]
    assert list(summed)[1:] == ["FA", "KP"]
    for rule in ("fa", "kp"):
        theory = solved(state, rule)
        v, b, v_start = theory.v, theory.problem.b, theory.problem.start.v
        if rule == "kp":
            b = v + np.exp(-0.02 * theory.alphas)[:, None, None] * (b - v_start)
        F = np.sum(v * b, axis=1)
        one = {"alpha": summed["alpha"], rule: summed[rule.upper()]}
        assert_lines(one, theory, F.sum(axis=1, keepdims=True))
        assert_lines(found[f"F of each output, {rule.upper()}"], theory, F)
        cosine = F / np.linalg.norm(v, axis=1) / np.linalg.norm(b, axis=-2)
        assert_lines(found[f"alignment of each output, {rule.upper()}"], theory, cosine)
    assert "BP has no feedback weights" in still.page.locator(".view").inner_text()


def test_the_error_of_each_task_is_drawn(still, address):
    """By the arcsine, with what a task's teacher and outputs are; the other task's line is another one."""
    look(still, address, TASKS, "tasks")
    for rule in ("fa", "bp"):
        theory = solved(TASKS, rule)
        tasks = theory.problem.tasks
        each = [eps_g_of(theory, tasks.v_teacher[which], tasks.weights[which]) for which in (0, 1)]
        assert_lines(panels(still)[f"εg of each task, {rule.upper()}"], theory, np.transpose(each))


def test_what_jumps_is_marked_where_it_does(still, address):
    """Tasks and rates, in all panels of curves, and words say so; of a rate that bends there is no mark."""
    mixture = {"kind": "steps", "at": [0, 7.5], "value": [0.1, 0.9]}
    eta = {"kind": "linear", "at": [0, 10], "value": [0.1, 0.5]}
    marks = "() => [...document.querySelectorAll('figure')].map(({ panel }) => [...panel.alphas])"
    for state, jumps in (
        (TASKS, [30]),
        (QUICK | {"rules": ["fa", "mixed"], "mixture": mixture, "eta": eta}, [7.5]),
        (QUICK | {"mixture": mixture, "eta": eta}, []),
    ):
        for view in ("R", "F"):
            look(still, address, state, view)
            assert still.page.evaluate(marks) == [jumps] * len(still.page.evaluate(marks))
            words = still.page.locator(".view").inner_text()
            assert ("Dotted upright: a rate or the task jumps." in words) == bool(jumps)
        assert [each.count("┊ jump") for each in still.page.locator(".top .legend").all_inner_texts()] == [
            len(jumps)
        ] * 2
        for rule in still.of("e => Object.keys(e.curves)"):
            assert set(jumps) <= set(still.curve(rule, "alphas"))
            np.testing.assert_array_equal(still.curve(rule, "alphas"), wanted(state).experiment.alphas())


def test_of_what_is_said_of_solutions_the_rule_is_named(still, address):
    """Unless it is said of all; a panel without any α of a logarithmic axis says so."""
    look(still, address, STATES["diverges at once"], "R")
    said = still.page.locator(".status").inner_text()
    assert re.fullmatch(r"FA: the ODEs diverged at alpha = .* · BP: the ODEs diverged at alpha = .*", said)
    empty = still.page.locator(".view figure", has_text="R of BP").locator(".readout")
    assert empty.inner_text() == "no α above 0 has been reached"
    look(still, address, QUICK | {"rules": ["bp"], "activation": "linear", "eta": 5.0, "eta_v": 0.0, "v": [2, 2]}, "R")
    assert still.page.locator(".status").inner_text().startswith("the ODEs diverged")


def test_students_in_the_plane_of_two_teachers_are_those_of_weights(still, address):
    """Weights by eigenvectors of C, the plane's basis by QR; teachers are neither orthogonal nor of length 1."""
    state = QUICK | {"K": 4, "M": 3, "teacher": "random", "N": 50}
    theory = solved(state)
    look(still, address, state, "plane", alpha=float(theory.alphas[23]))
    R, Q, T = theory.R[23], theory.Q[23], theory.T
    values, vectors = np.linalg.eigh(np.block([[Q, R], [R.T, T]]))
    weights = vectors * np.sqrt(np.maximum(values, 0))
    students, teachers = weights[:4], weights[4:]
    for pair in ([0, 1], [1, 2]):
        still.page.locator("select[name='plane-teachers']").select_option(f"{pair[0] + 1},{pair[1] + 1}")
        basis, upper = np.linalg.qr(teachers[pair].T)
        basis = basis * np.sign(np.diag(upper))
        inside = students @ basis
        outside = np.linalg.norm(students - inside @ basis.T, axis=1)
        np.testing.assert_allclose(still.of("e => e.plane"), np.column_stack([inside, outside]), atol=1e-7)
        dots = still.page.evaluate(
            "() => [...document.querySelectorAll('svg.plane circle[r=\"4.5\"]')].map((each) =>"
            " [+each.getAttribute('cx'), +each.getAttribute('cy')])"
        )
        places = (np.array(dots) - 230) * [1, -1]  # from the middle, upwards
        scale = np.linalg.norm(places) / np.linalg.norm(inside)
        np.testing.assert_allclose(places, scale * inside, atol=1e-6 * scale)
    assert still.of("e => e.seen['view.teachers']") == "2,3"
    look(
        still, address, state, "plane", alpha="soon", teachers="9,9", rule="none"
    )  # what is no such thing is the usual
    along = theory.R[-1][:, 0] / np.sqrt(T[0, 0])
    np.testing.assert_allclose(np.array(still.of("e => e.plane"))[:, 0], along, atol=1e-9)


def test_cosines_are_those_of_the_moment_that_is_looked_at(still, address):
    """Of the rule and the α of the address, then of one row further by a key; and the address says it."""
    state = QUICK | {"K": 3, "M": 2, "teacher": "graded"}
    theory = solved(state, "bp")
    look(still, address, state, "graph", rule="bp", alpha=float(theory.alphas[17]))

    def assert_shows(position):
        size = np.sqrt(np.outer(np.diag(theory.Q[position]), np.diag(theory.T)))
        np.testing.assert_allclose(still.of("e => e.cosines"), (theory.R[position] / size).ravel(), atol=1e-12)

    assert_shows(17)
    still.page.locator("input[name='graph-alpha']").press("ArrowRight")
    assert_shows(18)
    assert still.of("e => e.seen['view.alpha']") == theory.alphas[18]
    assert f"view.alpha={theory.alphas[18]:g}"[:14] in still.hash()
    still.page.locator(".tabs button[name='plane']").click()
    assert float(still.page.locator("input[name='plane-alpha']").input_value()) == 18  # one moment for all views
    still.page.locator(".tabs button[name='graph']").click()
    still.typed("alpha_max", "20")
    closest = np.abs(solved(state | {"alpha_max": 20.0}).alphas - theory.alphas[18]).argmin()
    assert float(still.page.locator("input[name='graph-alpha']").input_value()) == closest


def test_the_spectrum_is_that_of_the_textbook_equations(still, address):
    """Real parts at every fourth α that came, and the words on what grows."""
    look(still, address, QUICK, "spectrum", alpha=0.0)
    still.until("e => e.spectrum?.done")
    theory = solved(QUICK)
    layout = theory.problem.state_layout
    states = layout.pack({name: getattr(theory, name) for name in layout.places})
    columns = still.of("e => e.spectrum.columns.map(({ alpha, real, grows }) => [alpha, [...real], [...grows]])")
    np.testing.assert_array_equal([alpha for alpha, *_ in columns], theory.alphas)
    for (alpha, real, grows), y in list(zip(columns, states, strict=True))[::4]:
        expected = np.linalg.eigvals(textbook.jacobian(theory.problem, y, alpha)).real
        np.testing.assert_allclose(sorted(real), sorted(expected), atol=1e-6)
        if alpha == 0:
            assert sum(grows) == (expected > 1e-6).sum()
            assert (
                f"At α = 0: {sum(grows):g} of {len(real)} directions grow" in still.page.locator(".view").inner_text()
            )


def test_a_spectrum_that_is_refused_says_so_until_there_is_one(still, address):
    """A g with kinks by quadrature; then a smooth one."""
    look(still, address, KINKS, "spectrum")
    still.until(
        "() => /There is no spectrum: activation must be smooth/.test(document.querySelector('.view').innerText)"
    )
    still.page.locator("select[name='activation']").select_option("erf")
    still.until("e => e.spectrum?.done")
    assert "There is no" not in still.page.locator(".view").inner_text()


def test_a_spectrum_ends_when_it_is_left(still, address):
    """The server is told; what comes late is not drawn, and all is asked for anew when it is looked at again."""
    look(still, address, QUICK, "spectrum")
    still.until("e => e.spectrum?.done")
    still.page.evaluate(
        "() => { const { model } = document.querySelector('.stdyn-explorer').explorer.link; const { send } = model;"
        " window.sent = []; model.send = (message) => { window.sent.push(message); send(message); }; }"
    )
    asked = still.of("e => e.link.newest.spectrum")

    def sent():
        """What has been asked for since the last time."""
        return still.page.evaluate("() => window.sent.splice(0)")

    still.page.locator(".tabs button[name='R']").click()
    assert [(each["kind"], each.get("slot")) for each in sent()] == [("stop", "spectrum")]
    still.of(
        "(e, id) => e.link.receive({ kind: 'spectrum', id, count: 41, rule: 'fa', arrays: { alphas: [0, [1]],"
        " real: [1, [1, 1]], grows: [2, [1, 1]] } }, new Float64Array([1, 2, 3]).buffer)",
        asked,
    )
    assert still.of("e => e.spectrum.columns.length") == 41
    still.page.locator(".tabs button[name='spectrum']").click()
    assert [each["kind"] for each in sent()] == ["spectrum"]
    still.until("e => e.spectrum?.done")
    slider = still.page.locator("input[type='range'][name='eta']")
    slider.evaluate("slider => { slider.value = 400; slider.dispatchEvent(new Event('input', { bubbles: true })); }")
    still.until("e => e.header.draft")
    assert "stop" in [each["kind"] for each in sent()]
    assert "let go" in still.page.locator(".view").inner_text()
    slider.evaluate("slider => slider.dispatchEvent(new Event('change', { bubbles: true }))")
    still.until("e => e.spectrum?.done")
    assert [each["kind"] for each in sent() if each["kind"] != "curves"] == ["spectrum"]


def test_a_line_that_is_pointed_at_says_what_it_is(still, address):
    """By the pointer, which is moved to a line of R; and by keys, along it and to the next."""
    look(still, address, QUICK, "R")
    theory = solved(QUICK)
    first = still.page.locator(".view figure").first
    position = 20
    box = first.locator(".u-over").bounding_box()
    left, top = still.page.evaluate(
        "([line, at]) => { const { plot } = document.querySelector('.view figure').panel;"
        " return [plot.valToPos(plot.data[0][at], 'x'), plot.valToPos(plot.data[line][at], 'y')]; }",
        [1, position],
    )
    still.page.mouse.move(box["x"] + left, box["y"] + top)
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


def test_runs_are_behind_the_lines(still, address):
    """As `simulate_reduced` makes them, in the colour of their entry; of other curves there are none."""
    state = QUICK | {"rules": ["fa"], "method": "reduced", "runs": 3, "N": 50, "alpha_max": 5.0}
    look(still, address, state, "v")
    still.until("e => e.runs.fa?.alphas.shape[0] === e.curves.fa.alphas.shape[0]")
    found = wanted(state)
    of = found.experiment
    runs = stdyn.simulate_reduced(found.problem("fa"), of.alphas(), 3, rng=of.rng("reduced"))
    behind = (
        "() => document.querySelector('.view figure').panel.runs.map(({ x, y, colour }) => [[...x], [...y], colour])"
    )
    drawn = still.page.evaluate(behind)
    assert len(drawn) == 6
    for (alphas, values, _), expected in zip(drawn, runs.v.swapaxes(1, 2).reshape(6, -1), strict=True):
        np.testing.assert_array_equal(alphas, runs.alphas)
        np.testing.assert_array_equal(values, expected)
    colours = still.page.evaluate(
        "() => document.querySelector('.view figure').panel.lines.map(({ colour }) => colour)"
    )
    assert [colour for *_, colour in drawn] == 3 * colours
    above = "() => [...document.querySelectorAll('.top figure')].map(({ panel }) => panel.runs.map(({ y }) => [...y]))"
    for found_above, expected in zip(still.page.evaluate(above), (runs.eps_g, runs.alignment), strict=True):
        np.testing.assert_array_equal(found_above, expected)
    still.page.locator(".tabs button[name='F']").click()
    assert len(still.page.evaluate(behind)) == 3
    still.typed("runs", "0")
    assert still.page.evaluate(behind) == []
