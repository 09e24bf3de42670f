"""Pictures drawn by the server: ink, one tint, states only by sign and class.

Pure functions that return markup without any inline style, so that they pass the content policy. Every
word comes from the caller, translated. Each takes a `title` and a `sentence` that says what is seen to
those who do not see it. A colour is one of the state classes of `tokens.css`: go wait stop move keep lock
end ink.
"""

from mscbank.core.pictures.box import Cell, box_map
from mscbank.core.pictures.charts import band_gauge, growth_curve, limit_bar, segmented_bar
from mscbank.core.pictures.people import Event, Gate, Lane, Level, escalation_board, grade_box, swimmer_plot
from mscbank.core.pictures.trace import Node, trace_graph

__all__ = [
    "Cell",
    "Event",
    "Gate",
    "Lane",
    "Level",
    "Node",
    "band_gauge",
    "box_map",
    "escalation_board",
    "grade_box",
    "growth_curve",
    "limit_bar",
    "segmented_bar",
    "swimmer_plot",
    "trace_graph",
]
