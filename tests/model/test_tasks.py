"""Tasks learned one after the other: their turns, and T and second layers of given similarity."""

import copy
import pickle

import numpy as np
import pytest

from stdyn import InputError, Problem, Tasks, initial, similar

V = [[1, 1, 0, 0], [0, 0, 1, -1]]


def second_layers(tasks, units):
    """The second layer of each task in its own units and head, and that nothing else is there."""
    count = len(tasks)
    v = tasks.v_teacher.reshape(count, count, units, -1)
    own = []
    for task in range(count):
        head = int(np.argmax(tasks.weights[task])) if tasks.weights.shape[1] > 1 else 0
        own.append(v[task, task, :, head].copy())
        assert np.count_nonzero(v[task]) == np.count_nonzero(own[-1])
    return np.array(own)


@pytest.mark.parametrize("similarity", [1.0, 0.5, 0.0, -0.3, -0.5])
@pytest.mark.parametrize(("count", "heads"), [(2, 1), (3, 3), (3, 1)])
def test_teachers_are_as_similar_as_asked(similarity, count, heads):
    """T: unit n of one task with unit n of another, exactly; orthonormal within a task; weights with these overlaps."""
    T, tasks = similar(4, similarity, at=np.arange(count), heads=heads)
    for a, b in np.ndindex(count, count):
        block = T[4 * a : 4 * a + 4, 4 * b : 4 * b + 4]
        np.testing.assert_array_equal(block, np.eye(4) if a == b else similarity * np.eye(4))
    assert np.linalg.eigvalsh(T).min() > -1e-14
    np.testing.assert_array_equal(second_layers(tasks, 4), np.ones((count, 4)))
    assert tasks.weights.shape == (count, heads)
    np.testing.assert_array_equal(tasks.weights, np.eye(count) if heads > 1 else np.ones((count, 1)))
    np.testing.assert_array_equal(tasks.at, np.arange(count))
    K = 2
    v = np.ones((K, heads)) if heads > 1 else np.ones(K)
    start = initial.prepared(K, 4 * count, teacher=T, v=v, v_teacher=tasks.v_teacher[0])
    _, W_teacher = initial.weights(Problem(start, eta=0.1, eta_v=0.1, tasks=tasks), 50, np.random.default_rng(1))
    np.testing.assert_allclose(W_teacher @ W_teacher.T, T, atol=1e-13)


@pytest.mark.parametrize("heads", [False, True])
@pytest.mark.parametrize(
    ("units", "count", "cosine"),
    [(1, 2, -1), (1, 2, 1), (2, 2, 0), (2, 2, -0.7), (5, 2, 0.3), (2, 3, -0.5), (3, 3, 0.9), (4, 3, -0.2), (3, 2, -1)],
)
def test_second_layers_are_at_the_angle_asked_for(units, count, cosine, heads):
    """Any two of them, to rounding; of the length of the first, which is what was given, exactly."""
    first = np.random.default_rng(units).normal(size=units)
    _, tasks = similar(units, 0.2, cosine, at=np.arange(count), heads=count if heads else 1, v_teacher=first)
    v = second_layers(tasks, units)
    np.testing.assert_array_equal(v[0], first)
    gram = v @ v.T / (first @ first)
    np.testing.assert_allclose(gram, np.where(np.eye(count), 1, cosine), atol=1e-14)


def test_opposite_second_layers_are_exactly_that():
    """Also of one unit each."""
    for units in (1, 3):
        _, tasks = similar(units, 0.5, -1.0, v_teacher=0.3)
        np.testing.assert_array_equal(second_layers(tasks, units), np.outer([0.3, -0.3], np.ones(units)))


def test_what_is_learned_when():
    """A task may come back; where one begins, that one; a turn of the same task again is no switch."""
    tasks = Tasks(V, at=[0, 10, 20, 30], order=[1, 0, 0, 1])
    assert [tasks.task_at(alpha) for alpha in (0, 9.9, 10, 25, 30, 1e9)] == [1, 1, 0, 0, 1, 1]
    np.testing.assert_array_equal(tasks.learned([0, 10, 19, 31]), [1, 0, 0, 1])
    assert tasks.breaks == (10.0, 30.0)
    assert len(tasks) == 2
    assert repr(tasks).startswith("Tasks of 4 teacher units: task 2 from alpha = 0, task 1 from alpha = 10")
    assert Tasks([[1, 2]]).breaks == ()
    assert len(repr(Tasks(V, at=np.arange(600), order=np.arange(600) % 2))) < 200


@pytest.mark.parametrize("by", [0.0, 5.0, 10.0, 12.5, 100.0])
def test_shifted_tasks_go_on(by):
    """The task at alpha is that at alpha + by; all tasks stay, whether they come again or not."""
    tasks = Tasks(V, at=[0, 10, 20, 30], order=[1, 0, 1, 0], weights=[[1], [2]])
    there, alphas = tasks.shifted(by), np.linspace(0, 40, 81)
    np.testing.assert_array_equal(there.learned(alphas), tasks.learned(alphas + by))
    np.testing.assert_array_equal(there.v_teacher, tasks.v_teacher)
    np.testing.assert_array_equal(there.weights, tasks.weights)
    assert there.breaks == tuple(each - by for each in tasks.breaks if each > by)


def test_tasks_are_values():
    """Equal after what they are written as, pickle and deepcopy; read-only, also through what they were made of."""
    for tasks in (Tasks(V, at=[0, 1]), similar(2, 0.5, at=[0, 1, 2], heads=3)[1], Tasks([[1.0, 2.0]])):
        for again in (Tasks(**tasks.description), pickle.loads(pickle.dumps(tasks)), copy.deepcopy(tasks)):
            assert again == tasks
            assert hash(again) == hash(tasks)
    assert Tasks(V, at=[0, 1]) != Tasks(V, at=[0, 2])
    assert Tasks(V, at=[0, 1]) != Tasks(V, at=[0, 1], order=[1, 0])
    v = np.array(V, dtype=float)
    tasks = Tasks(v, at=[0, 1])
    v[0, 0] = 9
    assert tasks.v_teacher[0, 0] == 1
    for array in (tasks.v_teacher, tasks.at, tasks.weights, tasks.order):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_first_task_is_that_of_the_start():
    """start.v_teacher becomes that of the task learned at alpha = 0; shapes must agree."""
    start = initial.prepared(2, 4)
    problem = Problem(start, eta=0.1, eta_v=0.1, tasks=Tasks(V, at=[0, 5], order=[1, 0]))
    np.testing.assert_array_equal(problem.start.v_teacher, V[1])
    with pytest.raises(InputError, match=r"tasks must have v_teacher of the shape of start.v_teacher, \(4,\)"):
        Problem(start, eta=0.1, eta_v=0.1, tasks=Tasks([[1, 2, 3], [1, 2, 3]], at=[0, 1]))
