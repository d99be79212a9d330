"""Pictures of what a network is made of: its graph, weights, filters, attention and decisions."""

from fastgrad.viz.decisions import decision_regions
from fastgrad.viz.graphs import Graph, graph
from fastgrad.viz.parameters import attention, filters, weights

__all__ = ["Graph", "attention", "decision_regions", "filters", "graph", "weights"]
