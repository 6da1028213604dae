"""Contests over points of the unit box: black-box functions, and what minimizes them ([L2L-BB], protocol §9).

``harness.blackbox(…)`` holds such a contest: the package has the same name as that function, and calling it calls the
function.
"""

from harness import make_callable

make_callable(__name__, "harness.library.blackbox.contesting:blackbox")
