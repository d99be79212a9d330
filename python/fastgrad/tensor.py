"""class Tensor: a table of contents. Each line binds a name to its function in ``fastgrad.ops``."""

from __future__ import annotations

import builtins

from fastgrad import _core
from fastgrad.autograd import engine, hooks
from fastgrad.device import index_of, made_on, place_of
from fastgrad.layout import contiguous_format, strided
from fastgrad.ops import activation_kinked as kinked
from fastgrad.ops import addmm as added
from fastgrad.ops import (
    arrangement,
    binary,
    broadcast,
    calculus,
    comparison,
    complex,
    conversion,
    copying,
    exchange,
    extremes,
    histogram,
    indexing,
    linalg,
    metadata,
    new,
    numpy_functions,
    power,
    random,
    random_fill,
    reduction,
    rounding,
    scan,
    shape,
    special,
    splitting,
    statistics,
    ternary,
    transposition,
    trigonometry,
    unary,
    vector_norm,
)
from fastgrad.ops import diagonal as diagonals
from fastgrad.ops import index_put as writing
from fastgrad.ops import matmul as products
from fastgrad.ops import products as combined
from fastgrad.ops import scatter as scattering
from fastgrad.ops import softmax as normalized
from fastgrad.ops import sort as sorting
from fastgrad.ops import strided as strides
from fastgrad.ops import unique as differing
from fastgrad.ops.assign import assign, is_recorded, refresh_view
from fastgrad.ops.inplace import (
    in_place,
    in_place_by_kernel,
    in_place_by_writing,
    in_place_random,
    in_place_view,
)
from fastgrad.size import Size, sizes_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, TypeGuard

    from fastgrad._types import DType, Operand, Place, Sizes
    from fastgrad.autograd.graph import Node
    from fastgrad.cuda import Stream
    from fastgrad.device import device
    from fastgrad.layout import layout, memory_format


class Tensor(_core.TensorBase):
    """An array of numbers of one type, with a place in the graph of recorded operations.

    Made by :func:`fastgrad.tensor` and the other creation functions. Follows ``torch.Tensor``.
    """

    __slots__ = ()

    def __new__(cls, *args: Any, size: Sizes | None = None, device: Place | None = None) -> Tensor:
        """PyTorch's old constructor: sizes give uninitialised floats, data gives floats."""
        made = made_by_constructor(args, size, None, device)
        return made if cls is Tensor else _core.TensorBase._make_subclass(cls, made, False)

    # Arithmetic
    add = __add__ = __radd__ = binary.add
    sub = subtract = __sub__ = binary.sub
    __rsub__ = binary.rsub
    mul = multiply = __mul__ = __rmul__ = binary.mul
    div = divide = true_divide = __truediv__ = binary.div
    floor_divide = __floordiv__ = binary.floor_divide
    remainder = __mod__ = binary.remainder
    fmod = binary.fmod
    pow = power.pow
    float_power = power.float_power
    ldexp = power.ldexp
    logaddexp = power.logaddexp
    logaddexp2 = power.logaddexp2
    maximum = binary.maximum
    minimum = binary.minimum
    fmax = binary.fmax
    fmin = binary.fmin
    copysign = binary.copysign
    nextafter = binary.nextafter
    heaviside = binary.heaviside
    gcd = binary.gcd
    lcm = binary.lcm
    atan2 = arctan2 = trigonometry.atan2
    hypot = trigonometry.hypot
    xlogy = special.xlogy
    clamp = clip = ternary.clamp
    clamp_min = ternary.clamp_min
    clamp_max = ternary.clamp_max
    lerp = ternary.lerp
    addcmul = ternary.addcmul
    addcdiv = ternary.addcdiv
    matmul = __matmul__ = products.matmul
    mm = products.mm
    bmm = products.bmm
    mv = products.mv
    dot = products.dot
    outer = ger = products.outer
    inner = products.inner
    vdot = products.vdot
    addmm = added.addmm
    addmv = added.addmv
    addr = added.addr
    baddbmm = added.baddbmm
    addbmm = added.addbmm
    kron = combined.kron
    cross = combined.cross
    inverse = linalg.solve.inv
    pinverse = linalg.legacy.pinverse
    svd = linalg.legacy.svd
    qr = linalg.legacy.qr
    cholesky = linalg.legacy.cholesky
    cholesky_solve = linalg.legacy.cholesky_solve
    cholesky_inverse = linalg.legacy.cholesky_inverse
    lu = linalg.legacy.lu
    lu_solve = linalg.legacy.lu_solve
    triangular_solve = linalg.legacy.triangular_solve
    det = linalg.determinant.det
    logdet = linalg.determinant.logdet
    slogdet = linalg.legacy.slogdet
    matrix_power = linalg.powers.matrix_power
    matrix_exp = linalg.powers.matrix_exp
    renorm = linalg.norms.renorm  # type: ignore[has-type]  # a cycle of imports
    __neg__ = unary.neg
    __pos__ = unary.positive
    __abs__ = unary.abs
    __invert__ = bitwise_not = comparison.bitwise_not
    __and__ = __rand__ = bitwise_and = comparison.bitwise_and
    __or__ = __ror__ = bitwise_or = comparison.bitwise_or
    __xor__ = __rxor__ = bitwise_xor = comparison.bitwise_xor
    __lshift__ = bitwise_left_shift = comparison.bitwise_left_shift
    __rshift__ = bitwise_right_shift = comparison.bitwise_right_shift

    def __pow__(self, exponent: Operand) -> Tensor:
        return power.pow(self, exponent)

    def __rpow__(self, base: builtins.float) -> Tensor:
        return power.pow(base, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return binary.div(other, self)

    __rdiv__ = __rtruediv__

    def __rfloordiv__(self, other: Operand) -> Tensor:
        return binary.floor_divide(other, self)

    def __rmod__(self, other: Operand) -> Tensor:
        return binary.remainder(other, self)

    def __rlshift__(self, other: Operand) -> Tensor:
        return comparison.bitwise_left_shift(other, self)

    def __rrshift__(self, other: Operand) -> Tensor:
        return comparison.bitwise_right_shift(other, self)

    def __rmatmul__(self, other: Tensor) -> Tensor:
        return products.matmul(other, self)

    # Comparison and logic
    eq = comparison.eq
    ne = not_equal = comparison.ne
    lt = less = __lt__ = comparison.lt
    le = less_equal = __le__ = comparison.le
    gt = greater = __gt__ = comparison.gt
    ge = greater_equal = __ge__ = comparison.ge
    equal = comparison.equal
    isclose = comparison.isclose
    allclose = comparison.allclose
    logical_and = comparison.logical_and
    logical_or = comparison.logical_or
    logical_xor = comparison.logical_xor
    logical_not = comparison.logical_not
    isnan = comparison.isnan
    isinf = comparison.isinf
    isfinite = comparison.isfinite
    isposinf = comparison.isposinf
    isneginf = comparison.isneginf
    signbit = comparison.signbit
    isreal = complex.isreal
    is_complex = complex.is_complex
    is_conj = complex.is_conj
    is_neg = complex.is_neg
    is_nonzero = comparison.is_nonzero
    is_same_size = comparison.is_same_size
    is_signed = comparison.is_signed

    def __eq__(self, other: object) -> Any:
        return comparison.eq(self, other) if _comparable(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return comparison.ne(self, other) if _comparable(other) else NotImplemented

    __hash__ = object.__hash__

    def where(self, condition: Tensor, other: Operand) -> Tensor:
        """The tensor where the condition holds, `other` elsewhere."""
        return ternary.where(condition, self, other)

    # Functions of each element
    neg = negative = unary.neg
    abs = absolute = unary.abs
    positive = unary.positive
    sign = unary.sign
    sgn = complex.sgn
    conj = complex.conj
    conj_physical = complex.conj_physical
    resolve_conj = complex.resolve_conj
    resolve_neg = complex.resolve_neg
    angle = complex.angle
    real = property(complex.real)
    imag = property(complex.imag)
    floor = rounding.floor
    ceil = rounding.ceil
    round = rounding.round
    trunc = fix = rounding.trunc
    frac = rounding.frac
    frexp = rounding.frexp
    nan_to_num = rounding.nan_to_num
    square = unary.square
    exp = unary.exp
    exp2 = unary.exp2
    expm1 = unary.expm1
    log = unary.log
    log2 = unary.log2
    log10 = unary.log10
    log1p = unary.log1p
    sqrt = unary.sqrt
    rsqrt = unary.rsqrt
    reciprocal = unary.reciprocal
    sin = trigonometry.sin
    cos = trigonometry.cos
    tan = trigonometry.tan
    asin = arcsin = trigonometry.asin
    acos = arccos = trigonometry.acos
    atan = arctan = trigonometry.atan
    sinh = trigonometry.sinh
    cosh = trigonometry.cosh
    asinh = arcsinh = trigonometry.asinh
    acosh = arccosh = trigonometry.acosh
    atanh = arctanh = trigonometry.atanh
    sinc = trigonometry.sinc
    deg2rad = trigonometry.deg2rad
    rad2deg = trigonometry.rad2deg
    tanh = unary.tanh
    erf = special.erf
    erfc = special.erfc
    erfinv = special.erfinv
    lgamma = special.lgamma
    digamma = special.digamma
    mvlgamma = special.mvlgamma
    i0 = special.i0
    logit = special.logit
    sigmoid = unary.sigmoid
    relu = unary.relu
    prelu = kinked.prelu  # type: ignore[has-type]
    hardshrink = kinked.hardshrink
    softmax = normalized.softmax
    log_softmax = normalized.log_softmax

    def polygamma(self, n: builtins.int) -> Tensor:
        """The n-th derivative of digamma."""
        return special.polygamma(n, self)

    # Reductions
    sum = reduction.sum
    mean = reduction.mean
    prod = reduction.prod
    nansum = reduction.nansum
    nanmean = reduction.nanmean
    count_nonzero = reduction.count_nonzero
    logsumexp = reduction.logsumexp
    any = reduction.any
    all = reduction.all
    sum_to_size = reduction.sum_to_size
    max = extremes.max
    min = extremes.min
    amax = extremes.amax
    amin = extremes.amin
    aminmax = extremes.aminmax
    argmax = extremes.argmax
    argmin = extremes.argmin
    norm = vector_norm.norm
    dist = vector_norm.dist
    var = statistics.var
    std = statistics.std
    quantile = statistics.quantile
    nanquantile = statistics.nanquantile
    cov = statistics.cov
    corrcoef = statistics.corrcoef
    bincount = histogram.bincount
    histc = histogram.histc
    histogram = histogram.histogram

    # Scans, sorting and searching
    cumsum = scan.cumsum
    cumprod = scan.cumprod
    cummax = scan.cummax
    cummin = scan.cummin
    logcumsumexp = scan.logcumsumexp
    diff = calculus.diff
    sort = sorting.sort
    argsort = sorting.argsort
    msort = sorting.msort
    topk = sorting.topk
    kthvalue = sorting.kthvalue
    median = sorting.median
    nanmedian = sorting.nanmedian
    mode = sorting.mode
    unique = differing.unique
    unique_consecutive = differing.unique_consecutive

    # Shape
    reshape = shape.reshape
    view = shape.view
    flatten = shape.flatten
    ravel = shape.ravel
    unflatten = shape.unflatten
    transpose = swapdims = transposition.transpose
    swapaxes = transposition.swapaxes
    t = transposition.t
    permute = transposition.permute
    squeeze = shape.squeeze
    unsqueeze = shape.unsqueeze
    movedim = moveaxis = transposition.movedim
    adjoint = transposition.adjoint
    expand = broadcast.expand
    broadcast_to = broadcast.expand
    as_strided = strides.as_strided
    unfold = strides.unfold
    select = shape.select
    narrow = shape.narrow
    narrow_copy = shape.narrow_copy
    split_with_sizes = splitting.split_with_sizes
    tensor_split = splitting.tensor_split
    hsplit = splitting.hsplit
    vsplit = splitting.vsplit
    dsplit = splitting.dsplit
    chunk = splitting.chunk
    unbind = splitting.unbind
    flip = arrangement.flip
    fliplr = arrangement.fliplr
    flipud = arrangement.flipud
    roll = arrangement.roll
    rot90 = arrangement.rot90
    repeat = arrangement.repeat
    tile = arrangement.tile
    repeat_interleave = arrangement.repeat_interleave
    T = property(transposition.numpy_transpose, doc="All dimensions in reversed order.")
    mT = property(transposition.matrix_transpose, doc="The last two dimensions exchanged.")
    H = property(transposition.hermitian_transpose, doc="The transpose of a matrix.")
    mH = property(transposition.matrix_transpose, doc="The last two dimensions exchanged.")

    def split(
        self, split_size: builtins.int | Sequence[builtins.int], dim: builtins.int = 0
    ) -> tuple[Tensor, ...]:
        """Views of pieces of a given size (the last may be smaller), or of the given sizes."""
        return splitting.split(self, split_size, dim)

    def view_as(self, other: Tensor) -> Tensor:
        """The same memory in the shape of another tensor."""
        return shape.view(self, other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """The same elements in the shape of another tensor."""
        return shape.reshape(self, other.shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """A view expanded to the shape of another tensor."""
        return broadcast.expand(self, other.shape)

    # Indexing
    __getitem__ = indexing.getitem
    index_select = indexing.index_select
    gather = indexing.gather
    take = indexing.take
    take_along_dim = indexing.take_along_dim
    nonzero = indexing.nonzero
    argwhere = indexing.argwhere
    masked_fill = indexing.masked_fill
    masked_select = indexing.masked_select
    masked_scatter = writing.masked_scatter
    index_put = writing.index_put
    put = writing.put
    scatter = scattering.scatter
    scatter_add = scattering.scatter_add
    scatter_reduce = scattering.scatter_reduce
    index_add = writing.index_add
    index_copy = writing.index_copy
    index_fill = writing.index_fill
    index_reduce = writing.index_reduce
    diagonal = diagonals.diagonal
    diag = diagonals.diag
    diag_embed = diagonals.diag_embed
    diagflat = diagonals.diagflat
    trace = diagonals.trace
    tril = diagonals.tril
    triu = diagonals.triu
    select_scatter = diagonals.select_scatter
    slice_scatter = diagonals.slice_scatter
    diagonal_scatter = diagonals.diagonal_scatter

    # Random numbers
    bernoulli = random.bernoulli
    multinomial = random.multinomial

    def __setitem__(self, index: Any, value: Any) -> None:
        if not is_recorded(self, value):
            _core.setitem(self, index, value)
        elif _core.is_basic_index(self, index):
            target = indexing.getitem(self, index)
            assign(target, writing.fitted(value, target))
        else:
            assign(self, writing.put_at(self, index, value))

    # Conversion
    clone = conversion.clone
    contiguous = conversion.contiguous
    is_contiguous = conversion.is_contiguous
    to = conversion.to
    type = conversion.type
    detach = conversion.detach

    def float(self, memory_format: memory_format | None = None) -> Tensor:
        """As float32."""
        return conversion.as_dtype(self, _core.float32, memory_format)

    def double(self, memory_format: memory_format | None = None) -> Tensor:
        """As float64."""
        return conversion.as_dtype(self, _core.float64, memory_format)

    def long(self, memory_format: memory_format | None = None) -> Tensor:
        """As int64."""
        return conversion.as_dtype(self, _core.int64, memory_format)

    def int(self, memory_format: memory_format | None = None) -> Tensor:
        """As int32."""
        return conversion.as_dtype(self, _core.int32, memory_format)

    def short(self, memory_format: memory_format | None = None) -> Tensor:
        """As int16."""
        return conversion.as_dtype(self, _core.int16, memory_format)

    def char(self, memory_format: memory_format | None = None) -> Tensor:
        """As int8."""
        return conversion.as_dtype(self, _core.int8, memory_format)

    def half(self, memory_format: memory_format | None = None) -> Tensor:
        """As float16."""
        return conversion.as_dtype(self, _core.float16, memory_format)

    def bfloat16(self, memory_format: memory_format | None = None) -> Tensor:
        """As bfloat16."""
        return conversion.as_dtype(self, _core.bfloat16, memory_format)

    def byte(self, memory_format: memory_format | None = None) -> Tensor:
        """As uint8."""
        return conversion.as_dtype(self, _core.uint8, memory_format)

    def bool(self, memory_format: memory_format | None = None) -> Tensor:
        """As bool: whether each element is not 0."""
        return conversion.as_dtype(self, _core.bool, memory_format)

    def type_as(self, other: Tensor) -> Tensor:
        """With the dtype of another tensor, and where it is."""
        return conversion.on_device(conversion.as_dtype(self, other.dtype), other.get_device())

    # New tensors of the same dtype
    new_tensor = new.new_tensor
    new_empty = new.new_empty
    new_empty_strided = new.new_empty_strided
    new_full = new.new_full
    new_zeros = new.new_zeros
    new_ones = new.new_ones

    # Metadata
    is_floating_point = metadata.is_floating_point
    itemsize = property(lambda self: self.dtype.itemsize, doc="Bytes per element.")
    nbytes = property(lambda self: self.numel() * self.dtype.itemsize, doc="Bytes of all elements.")

    # Other libraries
    numpy = exchange.numpy
    __array__ = exchange.array
    __array_ufunc__ = numpy_functions.array_ufunc
    __array_function__ = numpy_functions.array_function
    __dlpack__ = exchange.dlpack
    __dlpack_device__ = exchange.dlpack_device

    # In-place forms
    add_ = __iadd__ = in_place_by_kernel(binary.add, _core.add_, binary.add_into)
    sub_ = subtract_ = __isub__ = in_place_by_kernel(binary.sub, _core.sub_, binary.sub_into)
    mul_ = multiply_ = __imul__ = in_place_by_kernel(binary.mul, _core.mul_)
    div_ = divide_ = true_divide_ = __itruediv__ = __idiv__ = in_place_by_kernel(
        binary.div, _core.div_
    )
    __idiv__ = div_
    floor_divide_ = __ifloordiv__ = in_place(binary.floor_divide)
    remainder_ = __imod__ = in_place(binary.remainder)
    fmod_ = in_place(binary.fmod)
    copysign_ = in_place(binary.copysign)
    nextafter_ = in_place(binary.nextafter)
    heaviside_ = in_place(binary.heaviside)
    gcd_ = in_place(binary.gcd)
    lcm_ = in_place(binary.lcm)
    pow_ = __ipow__ = in_place(power.pow)
    ldexp_ = in_place(power.ldexp)
    clamp_ = clip_ = in_place_by_writing(ternary.clamp, ternary.clamp_into)
    clamp_min_ = in_place_by_kernel(ternary.clamp_min, _core.maximum_)
    clamp_max_ = in_place_by_kernel(ternary.clamp_max, _core.minimum_)
    lerp_ = in_place_by_writing(ternary.lerp, ternary.lerp_into)
    addcmul_ = in_place_by_writing(ternary.addcmul, ternary.addcmul_into)
    addcdiv_ = in_place_by_writing(ternary.addcdiv, ternary.addcdiv_into)
    eq_ = in_place(comparison.eq)
    ne_ = not_equal_ = in_place(comparison.ne)
    lt_ = less_ = in_place(comparison.lt)
    le_ = less_equal_ = in_place(comparison.le)
    gt_ = greater_ = in_place(comparison.gt)
    ge_ = greater_equal_ = in_place(comparison.ge)
    logical_and_ = in_place(comparison.logical_and)
    logical_or_ = in_place(comparison.logical_or)
    logical_xor_ = in_place(comparison.logical_xor)
    logical_not_ = in_place(comparison.logical_not)
    bitwise_not_ = in_place(comparison.bitwise_not)
    bitwise_and_ = __iand__ = in_place(comparison.bitwise_and)
    bitwise_or_ = __ior__ = in_place(comparison.bitwise_or)
    bitwise_xor_ = __ixor__ = in_place(comparison.bitwise_xor)
    bitwise_left_shift_ = __ilshift__ = in_place(comparison.bitwise_left_shift)
    bitwise_right_shift_ = __irshift__ = in_place(comparison.bitwise_right_shift)
    neg_ = negative_ = in_place_by_kernel(unary.neg, _core.neg_)
    abs_ = absolute_ = in_place_by_kernel(unary.abs, _core.abs_)
    sign_ = in_place_by_kernel(unary.sign, _core.sign_)
    square_ = in_place_by_kernel(unary.square, _core.square_)
    exp_ = in_place_by_kernel(unary.exp, _core.exp_)
    exp2_ = in_place_by_kernel(unary.exp2, _core.exp2_)
    expm1_ = in_place_by_kernel(unary.expm1, _core.expm1_)
    log_ = in_place_by_kernel(unary.log, _core.log_)
    log2_ = in_place_by_kernel(unary.log2, _core.log2_)
    log10_ = in_place_by_kernel(unary.log10, _core.log10_)
    log1p_ = in_place_by_kernel(unary.log1p, _core.log1p_)
    sqrt_ = in_place_by_kernel(unary.sqrt, _core.sqrt_)
    rsqrt_ = in_place_by_kernel(unary.rsqrt, _core.rsqrt_)
    reciprocal_ = in_place_by_kernel(unary.reciprocal, _core.reciprocal_)
    sigmoid_ = in_place_by_kernel(unary.sigmoid, _core.sigmoid_)
    tanh_ = in_place_by_kernel(unary.tanh, _core.tanh_)
    cumsum_ = in_place(scan.cumsum)
    cumprod_ = in_place(scan.cumprod)
    relu_ = in_place_by_kernel(unary.relu, _core.relu_)
    sgn_ = in_place(complex.sgn)
    conj_physical_ = in_place(complex.conj_physical)
    floor_ = in_place_by_kernel(rounding.floor, _core.floor_)
    ceil_ = in_place_by_kernel(rounding.ceil, _core.ceil_)
    round_ = in_place_by_kernel(rounding.round, _core.round_)
    trunc_ = fix_ = in_place_by_kernel(rounding.trunc, _core.trunc_)
    frac_ = in_place(rounding.frac)
    nan_to_num_ = in_place(rounding.nan_to_num)
    sin_ = in_place_by_kernel(trigonometry.sin, _core.sin_)
    cos_ = in_place_by_kernel(trigonometry.cos, _core.cos_)
    tan_ = in_place_by_kernel(trigonometry.tan, _core.tan_)
    asin_ = arcsin_ = in_place_by_kernel(trigonometry.asin, _core.asin_)
    acos_ = arccos_ = in_place_by_kernel(trigonometry.acos, _core.acos_)
    atan_ = arctan_ = in_place_by_kernel(trigonometry.atan, _core.atan_)
    atan2_ = arctan2_ = in_place(trigonometry.atan2)
    sinh_ = in_place_by_kernel(trigonometry.sinh, _core.sinh_)
    cosh_ = in_place_by_kernel(trigonometry.cosh, _core.cosh_)
    asinh_ = arcsinh_ = in_place_by_kernel(trigonometry.asinh, _core.asinh_)
    acosh_ = arccosh_ = in_place_by_kernel(trigonometry.acosh, _core.acosh_)
    atanh_ = arctanh_ = in_place_by_kernel(trigonometry.atanh, _core.atanh_)
    sinc_ = in_place(trigonometry.sinc)
    deg2rad_ = in_place(trigonometry.deg2rad)
    rad2deg_ = in_place(trigonometry.rad2deg)
    hypot_ = in_place(trigonometry.hypot)
    erf_ = in_place_by_kernel(special.erf, _core.erf_)
    erfc_ = in_place(special.erfc)
    erfinv_ = in_place(special.erfinv)
    lgamma_ = in_place(special.lgamma)
    digamma_ = in_place(special.digamma)
    mvlgamma_ = in_place(special.mvlgamma)
    i0_ = in_place(special.i0)
    logit_ = in_place(special.logit)
    xlogy_ = in_place(special.xlogy)
    polygamma_ = in_place(polygamma)
    addmm_ = in_place(added.addmm)
    addmv_ = in_place(added.addmv)
    addr_ = in_place(added.addr)
    baddbmm_ = in_place(added.baddbmm)
    addbmm_ = in_place(added.addbmm)
    renorm_ = in_place(linalg.norms.renorm)  # type: ignore[has-type]
    masked_fill_ = in_place_by_writing(indexing.masked_fill, indexing.masked_fill_into)
    masked_scatter_ = in_place(writing.masked_scatter)
    put_ = in_place(writing.put)
    index_put_ = in_place_by_writing(writing.index_put, writing.index_put_into)
    scatter_ = in_place_by_writing(scattering.scatter, scattering.scatter_into)
    scatter_add_ = in_place_by_writing(scattering.scatter_add, scattering.scatter_add_into)
    scatter_reduce_ = in_place_by_writing(scattering.scatter_reduce, scattering.scatter_reduce_into)
    index_add_ = in_place_by_writing(writing.index_add, writing.index_add_into)
    index_copy_ = in_place_by_writing(writing.index_copy, writing.index_copy_into)
    index_fill_ = in_place_by_writing(writing.index_fill, writing.index_fill_into)
    index_reduce_ = in_place(writing.index_reduce)
    tril_ = in_place(diagonals.tril)
    triu_ = in_place(diagonals.triu)
    uniform_ = in_place_random(random_fill.uniform_)
    normal_ = in_place_random(random_fill.normal_)
    log_normal_ = in_place_random(random_fill.log_normal_)
    exponential_ = in_place_random(random_fill.exponential_)
    cauchy_ = in_place_random(random_fill.cauchy_)
    geometric_ = in_place_random(random_fill.geometric_)
    bernoulli_ = in_place_random(random_fill.bernoulli_)
    random_ = in_place_random(random_fill.random_)

    def copy_(self, src: Tensor, non_blocking: builtins.bool = False) -> Tensor:
        """Copy the elements of a tensor that broadcasts to this one."""
        if is_recorded(self, src):
            return assign(self, src)
        return _core.copy_(self, src)

    def fill_(self, value: Operand) -> Tensor:
        """Set every element."""
        if isinstance(value, Tensor) or is_recorded(self):
            return in_place(ternary.fill)(self, value)
        return _core.fill_(self, value)

    def float_power_(self, exponent: Operand) -> Tensor:
        """In-place form of :func:`float_power`, for float64."""
        if self.dtype is not _core.float64:
            raise RuntimeError(
                f"float_power_: the base has dtype {self.dtype} but the operation's result "
                "requires dtype float64; use float_power"
            )
        return in_place(power.float_power)(self, exponent)

    def zero_(self) -> Tensor:
        """Set every element to 0."""
        return self.fill_(0)

    # In-place changes of shape
    t_ = in_place_view(transposition.t)
    transpose_ = swapdims_ = in_place_view(transposition.transpose)
    swapaxes_ = in_place_view(transposition.swapaxes)
    squeeze_ = in_place_view(shape.squeeze)
    unsqueeze_ = in_place_view(shape.unsqueeze)
    as_strided_ = in_place_view(strides.as_strided)

    def resize_(
        self,
        *args: Any,
        size: Sizes | None = None,
        memory_format: memory_format = contiguous_format,
    ) -> Tensor:
        """Another shape, in row-major order from the first element on, with new memory if need be.

        Raises:
            RuntimeError: the tensor requires grad, or its memory is shared with another library.
        """
        if self.requires_grad:
            raise RuntimeError("cannot resize variables that require grad; use a detach()ed tensor")
        if memory_format.order is not None:
            raise NotImplementedError(f"resize_: not implemented for {memory_format}")
        return _core.resize_(self, sizes_from(args, size, "size"))

    def resize_as_(self, the_template: Tensor) -> Tensor:
        """The shape of another tensor; see :meth:`resize_`."""
        return self.resize_(the_template.shape)

    # The graph
    register_hook = hooks.register_hook
    register_post_accumulate_grad_hook = hooks.register_post_accumulate_grad_hook
    retain_grad = hooks.retain_grad
    retains_grad = property(hooks.retains_grad)

    @property
    def grad_fn(self) -> Node | None:
        """The recorded operation that made this tensor; None for a leaf."""
        return self.node

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: builtins.bool | None = None,
        create_graph: builtins.bool = False,
        inputs: Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradients of this tensor to the ``.grad`` of the leaves it depends on.

        Args and errors as for :func:`fastgrad.autograd.backward`.
        """
        engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """Say whether operations on this tensor are recorded; returns it."""
        self.requires_grad = requires_grad
        return self

    def detach_(self) -> Tensor:
        """Cut this tensor off from the graph; returns it."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node = None
        return self

    # Places
    @property
    def device(self) -> device:
        """Where the tensor lives."""
        return place_of(self.get_device())

    @property
    def layout(self) -> layout:
        """How the elements are kept."""
        return strided

    @property
    def is_cpu(self) -> builtins.bool:
        """Whether the tensor lives on the CPU."""
        return self.get_device() < 0

    @property
    def is_cuda(self) -> builtins.bool:
        """Whether the tensor lives on a CUDA device."""
        return self.get_device() >= 0

    is_mps = is_xpu = is_meta = is_sparse = is_quantized = False

    def is_pinned(self) -> builtins.bool:
        """Whether the memory is fixed for transfers to an accelerator."""
        return _core.accelerator.is_pinned(self)

    def pin_memory(self, device: Place | None = None) -> Tensor:
        """The tensor in memory that is fixed for transfers to an accelerator; itself if it is.

        Raises:
            RuntimeError: there is no accelerator, or the tensor lives on one.
        """
        if not _core.accelerator.device_count():
            raise RuntimeError("Cannot access accelerator device when none is available.")
        return self if self.is_pinned() else _core.pinned(self)

    def record_stream(self, stream: Stream) -> None:
        """Say that a stream works with the tensor, which was made on another one.

        Its memory is used again only when that stream has done what it was given until then.

        Raises:
            RuntimeError: the tensor lives on the CPU.
        """
        if not self.is_cuda:
            raise RuntimeError("record_stream: the tensor lives on the CPU, which has no streams")
        _core.accelerator.record_stream(self, stream.cuda_stream)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """What libraries for CUDA need to work on the same memory, in version 3 of the protocol.

        Raises:
            AttributeError: the tensor lives on the CPU, or has elements without a name there.
            RuntimeError: the tensor requires grad.
        """
        return exchange.cuda_array_interface(self)

    def is_shared(self) -> builtins.bool:
        """Whether other processes see the memory: they never do."""
        return False

    def cuda(self, device: Place | None = None, non_blocking: builtins.bool = False) -> Tensor:
        """The tensor on a CUDA device, the current one unless told; itself when it is there.

        Raises:
            RuntimeError: there is no such device.
        """
        return conversion.on_device(
            self, index_of("cuda" if device is None else device), non_blocking
        )

    def cpu(self, memory_format: memory_format | None = None) -> Tensor:
        """The tensor on the CPU; itself when it is there."""
        return conversion.as_dtype(conversion.on_device(self, -1), self.dtype, memory_format)

    # Python
    def __repr__(self) -> str:
        from fastgrad.printing import tensor_repr

        return tensor_repr(self)

    def __format__(self, spec: str) -> str:
        from fastgrad.printing import _format_number

        return _format_number(self, spec)

    def _repr_html_(self) -> str:
        from fastgrad.printing import html_repr

        return html_repr(self)

    def __len__(self) -> builtins.int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.size(0)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(splitting.unbind(self, 0))

    def __reversed__(self) -> Tensor:
        return arrangement.flip(self, (0,)) if self.ndim else self

    def __contains__(self, element: Operand) -> builtins.bool:
        if not isinstance(element, (_core.TensorBase, builtins.int, builtins.float)):
            raise RuntimeError(
                "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
                f"{type(element)}."
            )
        return builtins.bool(comparison.eq(self, element).any())

    def __bool__(self) -> builtins.bool:
        if self.numel() != 1:
            raise RuntimeError(
                "Boolean value of Tensor with "
                f"{'no values' if self.numel() == 0 else 'more than one value'} is ambiguous"
            )
        return builtins.bool(self.item())

    def __float__(self) -> builtins.float:
        return builtins.float(self._number())

    def __int__(self) -> builtins.int:
        return builtins.int(self._number())

    def __complex__(self) -> builtins.complex:
        return builtins.complex(self._number())

    def __index__(self) -> builtins.int:
        if self.dtype.is_floating_point or self.numel() != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return builtins.int(self.item())

    def _number(self) -> Any:
        if self.numel() != 1:
            raise ValueError(
                "only one element tensors can be converted to Python scalars, and this has shape "
                f"{tuple(self.shape)}; index it first, or use tolist()"
            )
        return self.item()

    __copy__ = copying.shallow_copy
    __deepcopy__ = copying.deep_copy
    __reduce_ex__ = copying.reduce
    as_subclass = copying.as_subclass


def made_by_constructor(
    args: tuple[Any, ...], size: Sizes | None, dtype: DType | None, place: Place | None
) -> Tensor:
    """What PyTorch's old constructors make of their arguments; without a dtype, the default one."""
    kind = dtype or _core.get_default_dtype()
    if size is not None or len(args) != 1 or _is_size(args[0]):
        sizes = args if size is None and args else size or (0,)
        return made_on(place, _core.empty, sizes, kind)
    data = args[0]
    if isinstance(data, Size):
        return made_on(place, _core.empty, data, kind)
    if isinstance(data, Tensor):
        if dtype is not None and data.dtype is not dtype:
            raise TypeError(
                f"expected a tensor of {dtype} (got {data.dtype}); convert it with to()"
            )
        return _core.detach(data)
    if isinstance(data, (int, float, str, bytes)):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return made_on(place, _core.tensor, data, kind)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _comparable(other: object) -> TypeGuard[Operand]:
    """Whether == between a tensor and `other` is elementwise; otherwise they are just not equal."""
    return isinstance(other, (_core.TensorBase, int, float)) or hasattr(other, "__array__")


Tensor.__module__ = "fastgrad"
_core.register_classes(Tensor, Size, refresh_view)
