"""Prints the map of the chapters in ``course_map.txt``, and what they find here.

python docs/course_map.py > docs/course-map.md
"""

from pathlib import Path

from fastgrad.torch_alias.judge import ABSENT, judge

CHAPTERS = Path(__file__).with_suffix(".txt")
EXAMPLES = Path(__file__).parents[1] / "examples"
HEAD = """# Map of the courses

Chapters of *Dive into Deep Learning* by the names of their files, with what stands out among the
names that they take from `d2l`, `torch` and `torchvision`, and whether these are here. The status
is about those names: it does not say that the chapter was run. `fastgrad check FILE` tells all
names of a file, and [Courses](courses.md) says where data has to lie that a chapter downloads.
The examples are scripts of this project about the same subject; the tests run them on little
data. Their list is `examples/README.md`."""
TABLE = "| chapter | takes | status | example |\n|---|---|---|---|"


def row(line: str) -> str:
    """A row of the table, from a line of the list."""
    chapter, names, examples = (part.strip() for part in line.split("|"))
    for example in examples.split():
        if not (EXAMPLES / f"{example}.py").exists():
            raise FileNotFoundError(
                f"{CHAPTERS.name} names {example}.py, which is not in examples/"
            )
    absent = [name for name in names.split() if is_absent(name)]
    status = f"absent: {code(absent)}" if absent else "all here"
    return f"| {chapter} | {code(names.split())} | {status} | {code(examples.split(), '.py')} |"


def is_absent(name: str) -> bool:
    return judge(name.replace("d2l.", "d2l.torch."))[-1].status == ABSENT


def code(words: list[str], suffix: str = "") -> str:
    return " ".join(f"`{word}{suffix}`" for word in words)


def page() -> str:
    parts = [HEAD]
    for line in CHAPTERS.read_text(encoding="utf-8").splitlines():
        if "|" in line and not line.startswith("#"):
            parts.append(row(line))
        elif line and not line.startswith("#"):
            parts += [f"\n## {line}\n", TABLE]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page())
