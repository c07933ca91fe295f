"""Pages with JavaScript in them need Node.js and the drivers."""

from support.node_packages import node, node_modules

__all__ = ["node", "node_modules"]
