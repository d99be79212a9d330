"""grad_fn prints under PyTorch's names, for every row of the op table but those listed."""

from warnings import catch_warnings

import pytest

import fastgrad as fg
from rows import OPS
from strategies import SmallSmooth

# Composed of other operations here or there, or told apart by PyTorch by the kind of an argument:
# see docs/differentiation.md.
DIFFERENT = """
round decimals
deg2rad
rad2deg
special.ndtr
sgn
rsub
div rounded
floor_divide
pow
pow whole
float_power
clamp
clamp_min
clamp_max
lerp
fill
sum
mean
prod
nansum
Tensor.sum_to_size
aminmax
norm
dist
var_mean
std_mean
corrcoef
quantile
nanquantile
median dim
nanmedian dim
diff
trapezoid
cumulative_trapezoid
addmv
addr
baddbmm
addbmm
einsum
tensordot
vdot
kron
cross
linalg.cross
linalg.vecdot
chain_matmul
linalg.multi_dot
linalg.solve
linalg.solve vectors
linalg.solve_ex
linalg.solve_triangular
linalg.slogdet
slogdet
cholesky_solve
cholesky_inverse
triangular_solve
linalg.tensorinv
linalg.lu
linalg.lu_factor
linalg.cholesky
linalg.lstsq
linalg.cond
linalg.vector_norm
linalg.matrix_norm
renorm
linalg.matrix_power
linalg.matrix_power whole
linalg.vander
squeeze
narrow_copy
atleast_2d
atleast_3d
atleast_2d of several
movedim
t
broadcast_tensors
tensor_split
hsplit
vsplit
dsplit
block_diag
combinations
rot90
Tensor.unfold
take
take negative
masked_fill tensor
masked_select
put
put adding
masked_scatter
scatter number
scatter reduce
index_reduce prod
index_reduce mean
index_reduce amax
index_reduce amin
index_fill
diag
trace
select_scatter
slice_scatter
diagonal_scatter
matmul 1D 2D
matmul 1D 3D
matmul 2D 3D
matmul 2D 4D
matmul 3D 1D
bmm
nn.functional.linear
nn.functional.softsign
nn.functional.tanhshrink
gelu tanh
nn.functional.glu
nn.functional.prelu
nn.functional.rrelu
nn.functional.rms_norm
batch_norm
batch_norm evaluated
nn.functional.instance_norm
nn.functional.cross_entropy
cross_entropy smoothed
cross_entropy of probabilities
nn.functional.nll_loss
nn.functional.mse_loss
nn.functional.margin_ranking_loss
nn.functional.triplet_margin_loss
nn.functional.triplet_margin_with_distance_loss
nn.functional.multi_margin_loss
nn.functional.multilabel_margin_loss
cdist
cdist other p
cdist by product
nn.functional.cosine_similarity
nn.functional.pairwise_distance
nn.functional.pdist
nn.functional.conv1d
nn.functional.conv3d
conv2d same
conv1d same
nn.functional.conv_transpose1d
nn.functional.conv_transpose2d
nn.functional.conv_transpose3d
nn.functional.unfold
nn.functional.fold
nn.functional.grid_sample
grid_sample nearest
nn.functional.affine_grid
max_pool1d
max_pool2d
max_pool3d
nn.functional.max_pool1d_with_indices
nn.functional.max_pool2d_with_indices
nn.functional.max_pool3d_with_indices
nn.functional.avg_pool1d
nn.functional.avg_pool2d
nn.functional.avg_pool3d
nn.functional.adaptive_max_pool1d
nn.functional.adaptive_max_pool2d
nn.functional.adaptive_max_pool3d
nn.functional.adaptive_avg_pool1d
nn.functional.adaptive_avg_pool2d
nn.functional.adaptive_avg_pool3d
nn.functional.lp_pool1d
nn.functional.lp_pool2d
nn.functional.lp_pool3d
nn.functional.max_unpool3d
nn.functional.max_unpool1d
nn.functional.max_unpool2d
pad from within
nn.functional.pixel_shuffle
nn.functional.pixel_unshuffle
channel_shuffle
interpolate nearest
interpolate area
interpolate linear
interpolate cubic
nn.functional.upsample_nearest
nn.functional.upsample_bilinear
""".strip().splitlines()

COMPARED = [op for op in OPS if op.differentiable and op.torch]


def names_of(lib, op, sample):
    def leaf(operand):
        x = operand.tensor(lib).detach()
        return x.requires_grad_() if operand.wants_gradient else x

    with catch_warnings(action="ignore"):
        results = op(lib, sample, leaf)
    return [y.grad_fn and y.grad_fn.name() for y in results if y.dtype.is_floating_point]


def pairs(torch, op):
    """The names here and there, for a few samples."""
    found = set()
    for seed in range(6):
        sample = op.make(SmallSmooth(seed))
        try:
            found |= set(zip(names_of(fg, op, sample), names_of(torch, op, sample), strict=True))
        except (RuntimeError, ValueError, IndexError, TypeError):
            continue  # arguments that one of the two refuses
    return found


@pytest.mark.parametrize("op", [op for op in COMPARED if str(op) not in DIFFERENT], ids=str)
def test_names_are_those_of_torch(torch, op):
    for ours, theirs in pairs(torch, op):
        assert ours == theirs


@pytest.mark.parametrize("name", DIFFERENT)
def test_names_that_differ_are_listed_for_a_reason(torch, name):
    (op,) = (op for op in COMPARED if str(op) == name)
    assert any(ours != theirs for ours, theirs in pairs(torch, op))
