"""``FASTGRAD_LANG=zh``: a hint in Chinese below the English message of a common error.

One table maps what messages say to hints. It is read where an error is shown, not where it is
raised, so that errors of the extension and of Python are the same to it, the English text stays as
it is, and a program that catches an error sees nothing of this.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import warnings
from types import TracebackType
from typing import Any

LANGUAGES = ("en", "zh")
PREFIX = "提示："

# What a message contains -> what to say. A group's name stands in braces in the hint. The first
# match counts, so what is special stands above what is general.
CHINESE = {
    # shapes
    r"shapes cannot be multiplied \((?P<a>\S+) and (?P<b>\S+)\)": (
        "矩阵乘法要求左矩阵的列数等于右矩阵的行数，现在是 {a} 与 {b}；检查两边的形状，"
        "必要时用 .T 转置或 reshape。"
    ),
    r"the input's last dimension is (?P<got>\d+) .*expects (?P<want>\d+) features": (
        "全连接层需要 {want} 个输入特征，得到的却是 {got} 个；先展平（nn.Flatten）"
        "或 reshape 输入，或修改 in_features。"
    ),
    r"to have (?P<want>\d+) channels, but got (?P<got>\d+) channels": (
        "卷积层需要 {want} 个输入通道，得到的却是 {got} 个；"
        "输入的形状应为 (批量, 通道, 高, 宽)，或修改 in_channels。"
    ),
    r"Expected 3D \(unbatched\) or 4D \(batched\) input": (
        "二维卷积的输入应为 (批量, 通道, 高, 宽) 或 (通道, 高, 宽)；缺少的维度用 unsqueeze 补上。"
    ),
    r"Kernel size can't be greater than actual input size": (
        "卷积核比（填充后的）输入还大；用更大的输入、更小的卷积核或更多的 padding。"
    ),
    r"is too small for windows of kernel_size": (
        "池化窗口比输入还大；用更大的输入、更小的窗口或更多的 padding。"
    ),
    r"The size of tensor a \((?P<a>\d+)\) must match the size of tensor b \((?P<b>\d+)\)": (
        "两个张量无法广播：同一维度上是 {a} 与 {b}。每一维必须相等或其中一个为 1；"
        "用 reshape 或 unsqueeze 调整。"
    ),
    r"Expected input batch_size \((?P<a>\d+)\) to match target batch_size": (
        "预测有 {a} 个样本，标签的个数与它不同；检查两者是否来自同一个批量。"
    ),
    r"shape '.*' is invalid for input of size (?P<size>\d+)": (
        "元素总数必须保持不变：张量有 {size} 个元素，与给出的形状不符；"
        "可以把其中一维写成 -1，让它自动算出。"
    ),
    r"view size is not compatible with input tensor's size": (
        "这个张量在内存中不连续，不能用 view；请改用 .reshape(...)。"
    ),
    r"Sizes of tensors must match except in dimension (?P<dim>\d+)": (
        "拼接时，除第 {dim} 维以外的各维大小都必须相同；检查各张量的形状。"
    ),
    r"stack expects each tensor to be equal size": (
        "堆叠的张量形状必须全部相同；批量中的样本大小不一时，先裁剪或填充，"
        "或给 DataLoader 写 collate_fn。"
    ),
    r"running_mean should contain (?P<got>\d+) elements not (?P<want>\d+)": (
        "批量规范化层需要 {want} 个通道，输入却有 {got} 个；修改 num_features 或输入。"
    ),
    r"Expected more than 1 value per channel when training": (
        "训练时批量规范化要求每个通道多于一个值；用更大的批量（或 drop_last=True），"
        "预测前调用 .eval()。"
    ),
    r"input\.size\(-1\) must be equal to input_size\. Expected (?P<want>\d+), got (?P<got>\d+)": (
        "循环层需要每步 {want} 个特征，得到的却是 {got} 个；检查输入最后一维与 input_size。"
    ),
    # labels, indices and dtypes
    r"Target (?P<label>-?\d+) is out of bounds.*labels go from 0 to (?P<last>\d+)": (
        "标签 {label} 超出范围，类别只能是 0 到 {last}；检查标签是否从 0 开始，以及输出层的类别数。"
    ),
    r"class values must be in \[0, (?P<count>\d+)\), but label (?P<label>-?\d+)": (
        "标签 {label} 超出范围，应不小于 0 且小于 {count}；检查标签是否从 0 开始，"
        "以及 num_classes。"
    ),
    r"embedding: index out of range in self: index (?P<index>-?\d+).*from 0 to (?P<last>\d+)": (
        "词元索引 {index} 超出嵌入表，只能是 0 到 {last}；检查词表大小与 num_embeddings。"
    ),
    r"expected (?:indices of|integer class labels)": (
        "类别标签和索引必须是整数；用 .long() 转换。"
    ),
    r"for class labels convert the target with \.long\(\)": (
        "类别标签必须是整数（int64）；用 .long() 转换。若标签是概率，形状须与预测相同。"
    ),
    r"tensors used as indices must be long": "作索引的张量必须是整数或布尔类型；用 .long() 转换。",
    r"expected m1 and m2 to have the same dtype, but got: (?P<a>\w+) != (?P<b>\w+)": (
        "两边的数据类型不同：{a} 与 {b}；用 .float() 或 .to(...) 转换其中一个。"
    ),
    r"could not infer output dtype\. Input dtype must be a floating point": (
        "整数张量不能求平均值；先用 .float() 转换。"
    ),
    r"result type (?P<a>\w+) can't be cast to the desired output type (?P<b>\w+)": (
        "原地运算的结果是 {a}，放不进 {b} 的张量；先用 .to(...) 转换，或改用非原地运算。"
    ),
    r"all elements of input should be between 0 and 1": (
        "binary_cross_entropy 的输入应是 0 到 1 的概率；"
        "对未经 sigmoid 的输出用 binary_cross_entropy_with_logits。"
    ),
    r"index (?P<index>-?\d+) is out of bounds for dimension (?P<dim>\d+) with size (?P<size>\d+)": (
        "第 {dim} 维的大小是 {size}，索引 {index} 超出范围；索引从 0 开始。"
    ),
    r"Dimension out of range .*in range of (?P<range>\[.*?\]), but got (?P<dim>-?\d+)": (
        "没有第 {dim} 维；这个张量的维度编号在 {range} 之内。"
    ),
    r"Boolean value of Tensor with more than one value is ambiguous": (
        "含多个元素的张量不能直接用作真假条件；用 .any()、.all() 或 .item()。"
    ),
    r"elements .*cannot be converted to a number": (
        "只有含一个元素的张量能变成数；先取出一个元素，或用 tolist()。"
    ),
    # gradients
    r"Trying to backward through the graph a second time": (
        "计算图在第一次 backward() 后已经释放。若确实需要再次反向传播，"
        "第一次写 backward(retain_graph=True)；"
        "若在循环中出现，检查是否误用了上一步的张量（用 .detach() 断开）。"
    ),
    r"modified by an inplace operation": (
        "反向传播要用的张量被原地运算改掉了；把 x += 1 写成 x = x + 1，或先 clone() 再改。"
    ),
    r"a leaf Variable that requires grad is being used in an in-place operation": (
        "不能原地修改需要梯度的参数；在 with torch.no_grad(): 中更新它，或先 clone()。"
    ),
    r"grad can be implicitly created only for scalar outputs": (
        "backward() 只能直接用于标量；先用 .sum() 或 .mean()，或传入 gradient=。"
    ),
    r"does not require grad and does not have a grad_fn": (
        "这个结果没有计算图：没有输入需要梯度（requires_grad=True），或者被 no_grad()、"
        "detach() 切断了。"
    ),
    r"Can't call numpy\(\) on Tensor that requires grad": (
        "需要梯度的张量不能直接变成 NumPy 数组；用 .detach().numpy()。"
    ),
    r"only Tensors of floating point dtype can require gradients": (
        "只有浮点张量能求梯度；先用 .float() 转换，或在创建时写 1.0 这样的小数。"
    ),
    # modules, files, names and devices
    r"Error\(s\) in loading state_dict": (
        "文件中的参数与模型不符（上面列出了缺少、多余或形状不同的名字）；"
        "确认模型的定义与保存时相同，"
        "或用 strict=False 只载入相符的名字。"
    ),
    r"optimizer got an empty parameter list": (
        "优化器没有得到任何参数；层要赋给 self 的属性，多个层放进 nn.ModuleList 而不是列表。"
    ),
    r"call super\(\)\.__init__\(\) first": (
        "自定义的 Module 要先在 __init__ 中调用 super().__init__()。"
    ),
    r"save its state_dict\(\)": (
        "不能保存整个模型；用 torch.save(net.state_dict(), 路径)，"
        "再用 load_state_dict 载入新建的模型。"
    ),
    r"not found in (?P<where>.+); pass download=True": (
        "找不到数据集的文件；把它们放进 {where}，或在有网络时写 download=True。"
    ),
    r"No such file or directory: (?P<path>.+)": (
        "没有文件 {path}；检查路径，以及程序是从哪个文件夹启动的。"
    ),
    r"(?P<name>torch\S*) is not in fastgrad": (
        "fastgrad 没有 {name}；检查拼写，或运行 fastgrad check 查看脚本中还缺少哪些名字。"
    ),
    r"device '(?P<device>[^']+)' is not available": (
        "这台机器上没有设备 {device}；请用 device='cpu'，"
        "或 'cuda' if torch.cuda.is_available() else 'cpu'。"
    ),
    r"the training loss became": "损失变成了 nan 或无穷大；减小学习率，并检查数据中是否有异常值。",
}


def hint(message: str) -> str:
    """The Chinese hint for a message; "" where the table has none."""
    for pattern, text in CHINESE.items():
        if found := re.search(pattern, message, re.DOTALL):
            return PREFIX + text.format(**found.groupdict())
    return ""


def chosen() -> str:
    """The language that ``FASTGRAD_LANG`` chooses: ``zh``, ``zh_CN.UTF-8`` and the like are one."""
    return re.split(r"[-_.]", os.environ.get("FASTGRAD_LANG", "").lower())[0] or LANGUAGES[0]


def annotate(error: BaseException) -> None:
    """Give an error its hint as a note, which tracebacks print below the message."""
    text = hint(str(error)) if chosen() == "zh" else ""
    if text and text not in getattr(error, "__notes__", ()):
        error.add_note(text)


def install() -> None:
    """Let errors that nothing catches have hints: of scripts, of threads, and of notebooks."""
    language = chosen()
    if language not in LANGUAGES:
        warnings.warn(
            f"FASTGRAD_LANG={os.environ['FASTGRAD_LANG']!r}: there are hints in "
            f"{', '.join(LANGUAGES)}; errors stay in English",
            stacklevel=2,
        )
    if language != "zh":
        return
    sys.excepthook = _hooked(sys.excepthook)
    threading.excepthook = _hooked_thread(threading.excepthook)
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        shell.set_custom_exc((Exception,), _show_in_notebook)


def is_plain(hook: Any) -> bool:
    """Whether a hook for exceptions prints what Python itself would, with or without a hint."""
    return getattr(hook, "around", hook) is sys.__excepthook__


def _hooked(show: Any) -> Any:
    def excepthook(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        annotate(error)
        show(kind, error, trace)

    excepthook.around = show  # type: ignore[attr-defined]
    return excepthook


def _hooked_thread(show: Any) -> Any:
    def excepthook(about: threading.ExceptHookArgs) -> None:
        if about.exc_value is not None:
            annotate(about.exc_value)
        show(about)

    return excepthook


def _show_in_notebook(
    shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: Any = None
) -> None:
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
    if text := hint(str(error)):  # printed, because not every IPython shows notes
        print(text, file=sys.stderr)
