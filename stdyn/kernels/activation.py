"""g and g' of the units: by formulas of our own, or by a C function made of what the user gives."""

from enum import IntEnum
from inspect import isfunction

from llvmlite import ir
from numba import cfunc, njit, types
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from stdyn.kernels.compile import ordered
from stdyn.kernels.elementary import erf_unit, tanh_unit

# Entries of `codes` (int64), which say what the activations are: for students and for teachers the Code of their g and,
# if it is COMPILED, the address of the C function; and of how many terms that of a student is a sum (erfs.py). A kernel
# that took functions would be compiled anew for each of them, and could not be kept on the disk.
STUDENT, ADDRESS, TEACHER, ADDRESS_TEACHER, TERMS = range(5)


class Code(IntEnum):
    """How g and g' are evaluated: by a kernel's own formula, or by a C function at an address."""

    ERF = 0
    LINEAR = 1
    RELU = 2
    TANH = 3
    COMPILED = 4


@intrinsic
def _call(_, address, z, g, g_prime):
    """Call the C function at `address`, made by `pointwise`, on three contiguous arrays of one length."""

    def generate(context, builder, signature, arguments):
        arrays = [
            context.make_array(kind)(context, builder, value)
            for kind, value in zip(signature.args[1:], arguments[1:], strict=True)
        ]
        pointer = ir.DoubleType().as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, pointer, ir.IntType(64)])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        builder.call(function, [*(array.data for array in arrays), arrays[0].nitems])
        return context.get_dummy_value()

    return types.void(types.int64, z, g, g_prime), generate


def scalar(function):
    """A Python function, or one of numba's, as a function of numba's that divides as NumPy does and can be pickled."""
    function = getattr(function, "py_func", function)
    wrapped = function if isfunction(function) else lambda x: function(x)  # math.tanh, np.tanh
    return njit(error_model="numpy")(wrapped)


def pointwise(g, g_prime):
    """The C function that fills two arrays with g and g' of a third, from `scalar` functions; it has an `address`.

    Raises TypeError if they cannot be compiled to functions from a float to a float.
    """
    pointer = types.CPointer(types.float64)

    def fill_all(z, out, out_prime, n):
        for r in range(n):
            x = z[r]
            out[r] = g(x)
            out_prime[r] = g_prime(x)

    try:
        return cfunc(types.void(pointer, pointer, pointer, types.int64))(fill_all)
    except NumbaError as error:
        raise TypeError(str(error)) from None


@ordered
def fill(code, address, z, g, g_prime):
    """Fill g and g_prime with g(z) and g'(z); all three are contiguous, with one axis."""
    if code == Code.ERF:
        for r in range(len(z)):
            value, slope = erf_unit(z[r])
            g[r] = value
            g_prime[r] = slope
    elif code == Code.LINEAR:
        for r in range(len(z)):
            g[r] = z[r]
            g_prime[r] = 1.0
    elif code == Code.RELU:
        for r in range(len(z)):
            g[r] = z[r] if z[r] > 0 else 0.0
            g_prime[r] = 1.0 if z[r] > 0 else 0.0
    elif code == Code.TANH:
        for r in range(len(z)):
            value, slope = tanh_unit(z[r])
            g[r] = value
            g_prime[r] = slope
    else:
        _call(address, z, g, g_prime)


@ordered
def activate(codes, students, z, g, g_prime):
    """Fill g and g_prime with g(z) and g'(z); all three are contiguous, with one axis.

    The first `students` entries are fields of students, the rest of teachers.
    """
    if codes[STUDENT] == codes[TEACHER] and codes[ADDRESS] == codes[ADDRESS_TEACHER]:
        fill(codes[STUDENT], codes[ADDRESS], z, g, g_prime)
    else:
        fill(codes[STUDENT], codes[ADDRESS], z[:students], g[:students], g_prime[:students])
        fill(codes[TEACHER], codes[ADDRESS_TEACHER], z[students:], g[students:], g_prime[students:])
