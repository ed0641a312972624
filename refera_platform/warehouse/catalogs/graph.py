"""Search of a graph that a function gives: everything above a node, breadth first."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

Node = TypeVar("Node")


def ancestors(start: Node, parents_of: Callable[[Node], Iterable[Node]]) -> dict[Node, None]:
    """Everything above ``start``, nearest first. Paths may meet and may form cycles."""
    visited: dict[Node, None] = {}
    queue = deque(parents_of(start))
    while queue:
        node = queue.popleft()
        if node not in visited:
            visited[node] = None
            queue.extend(parents_of(node))
    return visited
