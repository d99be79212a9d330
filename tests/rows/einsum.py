"""Rows of Einstein's sum convention."""

import numpy as np

from rows.op import Op
from strategies import NUMBERS, Sample

EQUATIONS = (
    *(
        "ij,jk->ik",
        "ij,jk",
        "bij,bjk->bik",
        "bhqd,bhkd->bhqk",
        "bqhd,bkhd->bhqk",
        "i,i->",
        "i,j->ij",
    ),
    *(
        "ij,ij->ij",
        "ij,ij->",
        "ij->ji",
        "ii->i",
        "ii",
        "iij->j",
        "ijk->",
        "ba",
        "...ij,...jk->...ik",
    ),
    *("i...,j...->ij...", "...,...->...", "bn,anm,bm->ba", "ij,jk,kl->il", "i,j,k->ijk"),
    *("bi,i->b", "ab,cd,bc->ad", "Ab,bA->", "i j , j -> i", "bij,ij->b", "ij,j->ij", "ijj,jk->ik"),
)


def equations(m):
    """An equation and operands; an ellipsis stands for two dimensions, or one."""
    equation = m.choose(EQUATIONS)
    sizes = {}
    terms = equation.partition("->")[0].replace(" ", "").split(",")
    hidden = tuple(m.size() % 8 for _ in range(2))
    operands = []
    for term in terms:
        shape = []
        before, dots, after = term.partition("...")
        for name in before:
            shape.append(sizes.setdefault(name, m.size() % 16))
        shape += hidden[m.integer(0, 1) :] if dots else ()
        for name in after:
            shape.append(sizes.setdefault(name, m.size() % 16))
        operands.append(m.operand(tuple(shape)))
    return Sample((equation, *operands))


def einsum(equation, *operands):
    return np.einsum(equation.replace(" ", ""), *operands)


def contracted(m):
    """Two tensors, and the dimensions that meet."""
    shape = [m.size() % 16 for _ in range(4)]
    kind = m.integer(0, 2)
    if kind == 0:
        a, b, dims = shape[:3], [*shape[1:3], shape[3]], 2
    elif kind == 1:
        a, b, dims = shape[:3], [shape[3], shape[2], shape[0]], ([0, -1], [2, 1])
    else:
        a, b, dims = shape[:2], shape[2:], 0
    return Sample((m.operand(tuple(a)), m.operand(tuple(b))), {"dims": dims})


ROWS = [
    Op("einsum", einsum, equations, ("float32", "float64", "int64"), scale=50),
    Op("tensordot", lambda a, b, dims: np.tensordot(a, b, dims), contracted, NUMBERS, scale=20),
]
