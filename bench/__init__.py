"""The benchmark: fastgrad and its rivals take turns on the same work, once results were compared.

``fastgrad bench`` runs it. A row (`row.py`) is a workload, written once against PyTorch's API, with
what it counts and the goal it is held to. Each backend (`backends.py`) lives in a process of its
own (`worker.py`, `adapters.py`), so that each has its own environment, threads and memory; the
driver (`driver.py`) gives them turns. `sections.py` lists the sections, each a file of rows.
"""
