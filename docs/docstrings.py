"""Turns docstrings into Markdown while the site is built: examples into code, roles into code."""

import re

import griffe

# Doctests, each up to the next empty line, however far they are indented.
EXAMPLE = re.compile(r"^([ ]*)>>> .*(?:\n[ ]*\S.*)*(?:\n\n[ ]*>>> .*(?:\n[ ]*\S.*)*)*", re.M)
ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
PUNCTUATION = re.compile(r"([\[\]<>]|(?<=\S)\*|(?<=\S )\*)")
LITERAL = re.compile(r"``([^`]+)``")


def to_markdown(docstring: str) -> str:
    """The same text with doctests between fences, and names as code.

    What is not code stands for itself: brackets and stars there are no links and no emphasis.
    """
    parts, end = [], 0
    for match in EXAMPLE.finditer(docstring):
        indent = match[1]
        parts.append(prose(docstring[end : match.start()]))
        parts.append(f"{indent}```pycon\n{match[0]}\n{indent}```")
        end = match.end()
    return "".join([*parts, prose(docstring[end:])])


def prose(text: str) -> str:
    """Text without examples."""
    pieces = re.split(r"(`[^`]+`)", LITERAL.sub(r"`\1`", ROLE.sub(r"`\1`", text)))
    escaped = [p if p.startswith("`") else PUNCTUATION.sub(r"\\\1", p) for p in pieces]
    return "".join(escaped)


class Docstrings(griffe.Extension):
    """Changes each docstring when it has been read."""

    def on_object(self, *, obj: griffe.Object, **options: object) -> None:
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
