"""Names that are here and do something else than in PyTorch, with a word how."""

DIFFERENCES = {
    "torch.__version__": "the PyTorch whose API is followed, then fastgrad's own version",
    "torch.accelerator": "CUDA where there is a device, else none",
    "torch.amp.GradScaler": "off without a CUDA device",
    "torch.amp.autocast": "off without a CUDA device; enabled=True on the CPU is an error",
    "torch.backends": "switches are kept and change nothing",
    "torch.compile": "returns the function unchanged",
    "torch.compiler": "nothing is compiled",
    "torch.cuda": "devices are known to builds with CUDA only",
    "torch.hub.load": "runs no code from elsewhere: an error; weights are downloaded as ever",
    "torch.load": "runs no code, so a whole module is an error: load a state_dict()",
    "torch.nn.DataParallel": "runs the module as it is: there are no GPUs",
    "torch.distributions.Dirichlet": "each sample's gradient is another one, right on average",
    "torch.distributions.Beta": "each sample's gradient is another one, right on average",
    "torch.distributed": "MPI is the only backend; processes are started by its launchers",
    "torch.nn.parallel.DistributedDataParallel": "a parameter outside the loss fails in backward()",
    "torch.nn.parallel.DataParallel": "runs the module as it is: there are no GPUs",
    "torch.nn.parallel.data_parallel": "runs the module as it is: there are no GPUs",
    "torch.nn.parallel.scatter": "an error: there are no GPUs",
    "torch.multiprocessing.spawn": "processes are forked unless start_method says otherwise",
    "torch.onnx.export": "an error: no files of this format are written",
    "torch.save": "a whole module is an error: save its state_dict()",
    "torch.set_float32_matmul_precision": "on the CPU always full float32",
    "torch.use_deterministic_algorithms": "always deterministic",
    "torch.utils.data.DataLoader": (
        'workers are threads; multiprocessing_context="fork" asks for processes'
    ),
    "torch.utils.tensorboard.SummaryWriter": "writes no graphs, and needs no package tensorboard",
    "torchvision.datasets.MNIST": "a folder with the four files needs no download",
    "torchvision.models": "no weights are downloaded: the file has to be there",
}


def difference(name: str) -> str:
    """How a name differs: by itself, or as part of something that does; "" where it does not."""
    while name:
        if name in DIFFERENCES:
            return DIFFERENCES[name]
        name = name.rpartition(".")[0]
    return ""
