"""Functions of functions: gradients, Jacobians, and mapping over samples.

Each takes a function and returns another, and they can be put together in any order:
``vmap(grad(loss), (None, 0, 0))`` gives the gradient of each sample, ``jacfwd(jacrev(f))`` a
Hessian. Follows ``torch.func``.
"""

from fastgrad.func._call import functional_call, stack_module_state
from fastgrad.func._gradients import grad, grad_and_value, jvp, value_and_grad, vjp
from fastgrad.func._jacobians import hessian, jacfwd, jacrev
from fastgrad.func._vmap import vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]
