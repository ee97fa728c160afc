"""`Gate.tool`: a function that passes the gate whenever it is called."""

from __future__ import annotations
