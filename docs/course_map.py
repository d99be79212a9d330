"""Prints the map of the chapters in ``course_map.txt``, and what they find here.

python docs/course_map.py > docs/course-map.md
python docs/course_map.py zh > docs/course-map.zh-CN.md
"""

import sys
from pathlib import Path
from typing import NamedTuple

from fastgrad.torch_alias.judge import ABSENT, judge

CHAPTERS = Path(__file__).with_suffix(".txt")
EXAMPLES = Path(__file__).parents[1] / "examples"


class Words(NamedTuple):
    """What the page says in one language around the names."""

    head: str
    table: str
    all_here: str
    absent: str
    titles: dict[str, str]  # of the headings of the list, where they are not as they stand there


ENGLISH = Words(
    head="""# Map of the courses

[中文](course-map.zh-CN.md)

Chapters of *Dive into Deep Learning* by the names of their files, with what stands out among the
names that they take from `d2l`, `torch` and `torchvision`, and whether these are here. The status
is about those names: it does not say that the chapter was run. `fastgrad check FILE` tells all
names of a file, and [Courses](courses.md) says where data has to lie that a chapter downloads.
The examples are scripts of this project about the same subject; the tests run them on little
data. Their list is `examples/README.md`.""",
    table="| chapter | takes | status | example |\n|---|---|---|---|",
    all_here="all here",
    absent="absent",
    titles={},
)
CHINESE = Words(
    head="# 课程对照表\n\n[English](course-map.md)\n\n"
    "《动手学深度学习》的各章（以文件名表示）、各章从 `d2l`、`torch` 和 `torchvision` 中用到的"
    "主要名字，以及 fastgrad 是否有这些名字。“状态”只针对名字，并不表示该章已经运行过。"
    "`fastgrad check FILE` 列出一个文件用到的全部名字；需要下载的数据应放在哪里，"
    "见[课程](courses.md)。"
    "示例是本项目中同一主题的脚本，测试会用少量数据运行它们；完整列表在 `examples/README.md`。",
    table="| 章 | 用到的名字 | 状态 | 示例 |\n|---|---|---|---|",
    all_here="齐全",
    absent="缺少",
    titles={
        "The English book, 1.0": "英文版 1.0",
        "The Chinese book, 0.17 to 2.0": "中文版 0.17 至 2.0",
    },
)


def row(line: str, words: Words) -> str:
    """A row of the table, from a line of the list."""
    chapter, names, examples = (part.strip() for part in line.split("|"))
    for example in examples.split():
        if not (EXAMPLES / f"{example}.py").exists():
            raise FileNotFoundError(
                f"{CHAPTERS.name} names {example}.py, which is not in examples/"
            )
    absent = [name for name in names.split() if is_absent(name)]
    status = f"{words.absent}: {code(absent)}" if absent else words.all_here
    return f"| {chapter} | {code(names.split())} | {status} | {code(examples.split(), '.py')} |"


def is_absent(name: str) -> bool:
    return judge(name.replace("d2l.", "d2l.torch."))[-1].status == ABSENT


def code(words: list[str], suffix: str = "") -> str:
    return " ".join(f"`{word}{suffix}`" for word in words)


def page(words: Words) -> str:
    parts = [words.head]
    for line in CHAPTERS.read_text(encoding="utf-8").splitlines():
        if "|" in line and not line.startswith("#"):
            parts.append(row(line, words))
        elif line and not line.startswith("#"):
            title = line if words is ENGLISH else words.titles[line]
            parts += [f"\n## {title}\n", words.table]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(CHINESE if sys.argv[1:] == ["zh"] else ENGLISH))
