"""The page as a widget, in a browser that stands for the notebook: it moves what Python has, and follows it."""

import base64
import json
import shutil
import time

import numpy as np
import pytest
from wire import lay

import stdyn
from browser.conftest import PATIENCE, Shown
from stdyn.explorer import widget

pytest.importorskip("anywidget", reason='the widget needs anywidget: pip install ".[explore]"')

# A model of a notebook, as anywidget gives it to a page, and cells in which it is shown.
NOTEBOOK = """
const listeners = [];
const values = {};
const tell = (name, ...told) => listeners.filter(([of]) => of === name).forEach(([, listener]) => listener(...told));
const model = {
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; tell(`change:${name}`); },
  save_changes: () => toPython("update", JSON.stringify(values)),
  send: (content) => {
    if (window.dead) throw new Error("Cannot send");
    if (!window.deaf) toPython("custom", JSON.stringify(content));
  },
  on: (name, listener) => listeners.push([name, listener]),
  off: (name, listener) => {
    const at = listeners.findIndex(([of, each]) => of === name && each === listener);
    if (at >= 0) listeners.splice(at, 1);
  },
};
window.heard = (method, content, bytes) => {
  if (method === "update") for (const [name, value] of Object.entries(content)) model.set(name, value);
  else tell("msg:custom", content, [new DataView(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)).buffer)]);
};
const cells = {};
window.show = async (cell) => {
  const { default: page } = await import("/explorer.js");
  const el = document.body.appendChild(Object.assign(document.createElement("div"), { id: cell }));
  cells[cell] = { el, end: page.render({ model, el }) };
};
window.leave = (cell) => { cells[cell].end(); cells[cell].el.remove(); };
"""
PAGE = f"""<!doctype html><meta charset="utf-8"><title>notebook</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/explorer.css"><body style="width: 760px"><script type="module">{NOTEBOOK}</script>"""
SITE = "http://notebook.invalid"


class Notebook(Shown):
    """A page with a widget in it: its messages are carried while it is waited for something."""

    def __init__(self, page, explorer):
        self.page, self.explorer, self.console, self.carried = page, explorer, [], 0
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.expose_function("toPython", self.to_python)
        page.route("**/*", self.answer)
        page.goto(SITE)
        self.page.evaluate("state => window.heard('update', { state })", explorer.state)

    @staticmethod
    def answer(route):
        """What a notebook serves: the page's files, and nothing else."""
        name = route.request.url.removeprefix(f"{SITE}/")
        types = {"": "text/html", "explorer.js": "text/javascript", "explorer.css": "text/css"}
        if name not in types:
            route.abort()
            return
        body = PAGE if name == "" else (widget._PAGE / name).read_bytes()
        route.fulfill(body=body, content_type=types[name])

    def to_python(self, method, text):
        """A message of the page."""
        said = json.loads(text)
        self.explorer.comm.hear(method=method, **({"content": said} if method == "custom" else {"state": said}))

    def carry(self):
        """Bring the page what Python has said since."""
        new = self.explorer.comm.sent[self.carried :]
        self.carried += len(new)
        for _, data, buffers in new:
            if data.get("method") in ("update", "custom"):
                content = data.get("content", data.get("state"))
                bytes_ = base64.b64encode(b"".join(buffers)).decode()
                self.page.evaluate("said => window.heard(...said)", [data["method"], content, bytes_])

    def of(self, expression, *arguments):
        self.carry()
        return super().of(expression, *arguments)

    def views(self, expression):
        """It of every view that is shown."""
        self.carry()
        return self.page.evaluate(
            f"() => [...document.querySelectorAll('.stdyn-explorer')].map((each) => ({expression})(each.explorer))"
        )

    def show(self, cell):
        """Run a cell whose last line is the explorer."""
        self.page.evaluate("cell => show(cell)", cell)
        self.until("(_, cell) => document.querySelector(`#${cell} .stdyn-explorer`)?.explorer.drawn > 0", cell)
        self.settled()

    def settled(self):
        """Wait until every view has drawn what is set in Python."""
        self.until(
            "() => [...document.querySelectorAll('.stdyn-explorer')].map(({ explorer }) => explorer).every("
            "(e) => !e.link.busy && !e.link.next && e.header && !e.header.draft && e.header.state === e.state)"
        )


@pytest.fixture
def notebook(browser, monkeypatch):
    """One with an explorer of K = M = 2; nothing may have been written to its console."""
    lay(monkeypatch)
    explorer = stdyn.Explorer(stdyn.Experiment(K=2, M=2, alpha_max=50.0, points=31, rule="both", runs=1))
    context = browser.new_context(viewport={"width": 1000, "height": 720}, accept_downloads=True)
    found = Notebook(context.new_page(), explorer)
    yield found
    context.close()
    explorer.close()
    assert found.console == []


def assert_shows(notebook):
    """The curves are those of `explorer.theory`, to the bit, and the page has the state that Python has."""
    for rule, theory in notebook.explorer.theory.items():
        for name in ("alphas", "eps_g", "R", "v"):
            np.testing.assert_array_equal(notebook.curve(rule, name), np.ravel(getattr(theory, name)))
    assert notebook.of("e => e.state") == notebook.explorer.state


def test_page_and_python_move_each_other(notebook):
    """What is typed is in `state`; what is set there is drawn. A value that is refused moves nothing in Python."""
    notebook.show("one")
    assert_shows(notebook)
    notebook.typed("eta", "0.8")
    assert notebook.explorer.experiment.eta == 0.8
    assert_shows(notebook)
    notebook.explorer.state = {"K": 2, "M": 3, "rules": ["kp", "bp"], "alpha_max": 20}
    notebook.until("e => e.state.M === 3")
    notebook.settled()
    assert notebook.of("e => Object.keys(e.curves)") == ["bp", "kp"]
    assert notebook.page.locator("input[name='M-typed']").input_value() == "3"
    assert_shows(notebook)
    notebook.page.locator("input[name='eta-typed']").fill("-1")
    notebook.page.locator("input[name='eta-typed']").press("Enter")
    notebook.until("() => document.querySelector('.stdyn-explorer .status').textContent.includes('eta must be')")
    assert "eta" not in notebook.explorer.state


def test_views_of_one_widget_follow_each_other(notebook):
    """And each ends by itself; the first goes on when the second has left."""
    notebook.show("one")
    notebook.show("two")
    assert len(notebook.explorer._sessions) == 2
    notebook.typed("eta", "0.7")
    notebook.until(
        "() => [...document.querySelectorAll('.stdyn-explorer')].every((each) => each.explorer.state.eta === 0.7)"
    )
    notebook.settled()
    assert notebook.views("e => e.header.state.eta") == [0.7, 0.7]
    assert notebook.views("e => [...e.curves.fa.eps_g.values]") == [notebook.explorer.theory["fa"].eps_g.tolist()] * 2
    notebook.page.evaluate("leave('two')")
    assert len(notebook.explorer._sessions) == 1
    notebook.typed("eta", "0.6")
    assert_shows(notebook)
    notebook.page.evaluate("leave('one')")
    assert notebook.explorer._sessions == {}


def test_a_drag_is_drawn_and_set_at_its_end(notebook):
    """Python is told of what is released, not of every draft between."""
    told = []
    notebook.explorer.observe(lambda change: told.append(change["new"]["eta"]), "state")
    notebook.show("one")
    drawn = notebook.of("e => e.drawn")
    slider = notebook.page.locator("input[name='eta']")
    for place in range(300, 500, 20):
        slider.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input', { bubbles: true })); }", place)
        notebook.until("(e, n) => e.drawn > n", drawn)
        drawn = notebook.of("e => e.drawn")
    assert told == []
    slider.dispatch_event("change")
    notebook.settled()
    assert told == [notebook.of("e => e.state.eta")]
    assert_shows(notebook)


def test_without_a_kernel_it_says_what_was_set(notebook):
    """As in a notebook that is only read: no empty page."""
    notebook.page.clock.install()
    notebook.page.evaluate("window.deaf = true")
    notebook.page.evaluate("show('one')")
    silent = notebook.page.locator("#one .stdyn-silent")
    notebook.page.clock.run_for(4100)
    assert "No kernel answers" in silent.inner_text()
    assert "K = 2, M = 2, alpha_max = 50" in silent.inner_text()
    assert notebook.page.locator(".stdyn-explorer").count() == 0


def test_a_kernel_that_is_busy_is_said_and_waited_for(notebook):
    """The words go when it answers, and what was asked is drawn."""
    notebook.page.clock.install()
    notebook.show("one")
    silent = notebook.page.locator("#one .stdyn-silent")
    assert silent.is_hidden()
    box = notebook.page.locator("input[name='eta-typed']")
    box.fill("0.3")
    box.press("Enter")
    notebook.page.clock.run_for(4100)  # nothing is carried meanwhile
    assert "The kernel does not answer" in silent.inner_text()
    notebook.until("e => e.header.state.eta === 0.3")
    assert silent.is_hidden()
    assert_shows(notebook)


def test_a_kernel_that_was_started_again_is_said_at_once(notebook):
    """Jupyter throws where its widgets are sent something; what is set stays, and the cell can be run again."""
    notebook.show("one")
    notebook.page.evaluate("window.dead = true")
    box = notebook.page.locator("input[name='eta-typed']")
    box.fill("0.3")
    box.press("Enter")
    assert "run the cell of the explorer again" in notebook.page.locator("#one .stdyn-silent").inner_text()
    assert notebook.of("e => e.state.eta") == 0.3
    notebook.page.evaluate("leave('one')")


def test_keys_are_the_page_s_own(notebook):
    """A notebook that listens to keys, as Jupyter does, leaves the cell alone."""
    notebook.page.evaluate("window.keys = []; addEventListener('keydown', (event) => keys.push(event.key))")
    notebook.show("one")
    notebook.page.locator("input[name='eta']").press("ArrowRight")
    notebook.page.locator("select[name='activation']").press("d")
    assert notebook.page.evaluate("keys") == []
    # Jupyter listens before all others, and leaves alone what has this attribute
    assert notebook.page.evaluate("document.activeElement.hasAttribute('data-lm-suppress-shortcuts')")
    notebook.page.evaluate("document.activeElement.blur()")
    notebook.page.keyboard.press("a")
    assert notebook.page.evaluate("keys") == ["a"]


def test_it_fits_in_a_cell_and_speaks_of_no_command(notebook):
    """Of 760 pixels: nothing is wider. Without a scan there is no tab of one."""
    notebook.show("one")
    assert notebook.page.locator("[role=tab][name=scan]").is_hidden()
    assert "stdyn explore" not in notebook.page.locator("#one").inner_text()
    wider = notebook.page.evaluate(
        """() => {
          const cell = document.querySelector("#one");
          const seen = [...cell.querySelectorAll("*")].filter((each) => each.checkVisibility() && !each.closest("svg"));
          const { right } = cell.getBoundingClientRect();
          return seen.filter((each) => each.getBoundingClientRect().right > right + 1).map((each) => each.outerHTML);
        }"""
    )
    assert wider == []


def test_copies_and_files_come_from_the_kernel(notebook, tmp_path):
    """What is saved is the theory that Python has; what the browser does not copy can be copied by hand."""
    notebook.show("one")
    notebook.page.get_by_role("button", name="TOML").click()
    notebook.until("e => e.copied")
    assert "K = 2" in notebook.page.locator("dialog[open] pre").inner_text()
    notebook.page.keyboard.press("Escape")
    saved = []
    notebook.page.on("download", lambda file: saved.append(file))
    notebook.page.get_by_role("button", name="HDF5").click()
    end = time.monotonic() + PATIENCE
    while not saved:
        assert time.monotonic() < end
        notebook.carry()
        notebook.page.wait_for_timeout(20)
    saved[0].save_as(tmp_path / "all.zip")
    shutil.unpack_archive(tmp_path / "all.zip", tmp_path)
    (file,) = tmp_path.glob("*_fa_ode.h5")
    np.testing.assert_array_equal(stdyn.load(file).eps_g, notebook.explorer.theory["fa"].eps_g)


def test_a_view_that_is_shown_later_begins_as_set_and_is_reset_to_the_beginning(notebook):
    """In Python, too."""
    beginning = notebook.explorer.state
    notebook.explorer.state = beginning | {"eta": 1.5, "b_angle": 30}
    notebook.show("one")
    assert_shows(notebook)
    notebook.page.locator("button[name=reset]").click()
    notebook.until("e => e.state.eta === undefined")
    notebook.settled()
    assert notebook.explorer.state == beginning
    assert_shows(notebook)
